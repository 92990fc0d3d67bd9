// Pairs of sequences, ragged and as rectangles; the rectangles are those of DataCollatorForSeq2Seq.
import { expect, test } from "@jest/globals";
import { sequenceToSequenceCollator } from "../../../src/training/index.js";
import { errorOf } from "../../data/temporary.js";

const examples = [
  { inputIds: [5, 6, 7], labels: [8, 1] },
  { inputIds: [9], labels: [3, 4, 1] },
];

const plain = (collated: object) =>
  Object.fromEntries(
    Object.entries(collated).map(([name, { data, shape }]) => [name, { data: Array.from(data), shape }]),
  );

test("ragged: sources and targets have offsets of their own", () => {
  expect(plain(sequenceToSequenceCollator()(examples))).toEqual({
    inputIds: { data: [5, 6, 7, 9], shape: [4] },
    offsets: { data: [0, 3, 4], shape: [3] },
    labels: { data: [8, 1, 3, 4, 1], shape: [5] },
    labelOffsets: { data: [0, 2, 5], shape: [3] },
  });
});

test("padded: labels get -100, on the side of the padding", () => {
  const collate = (paddingSide: "left" | "right") =>
    plain(
      sequenceToSequenceCollator({
        tokenizer: { padTokenId: 2, paddingSide },
        ...{ padding: "longest", padToMultipleOf: 4 },
      })(examples),
    );
  expect(collate("right")).toEqual({
    inputIds: { data: [5, 6, 7, 2, 9, 2, 2, 2], shape: [2, 4] },
    attentionMask: { data: [1, 1, 1, 0, 1, 0, 0, 0], shape: [2, 4] },
    labels: { data: [8, 1, -100, -100, 3, 4, 1, -100], shape: [2, 4] },
  });
  expect(collate("left").labels).toEqual({ data: [-100, -100, 8, 1, -100, 3, 4, 1], shape: [2, 4] });
});

test("targets have a length of their own", () => {
  const collate = sequenceToSequenceCollator({ padding: "max_length", maxLength: 3, maxTargetLength: 4 });
  const { inputIds, labels } = collate(examples);
  expect([inputIds.shape, labels.shape]).toEqual([
    [2, 3],
    [2, 4],
  ]);
  const tight = sequenceToSequenceCollator({ padding: "max_length", maxLength: 3, maxTargetLength: 2 });
  expect(() => tight(examples)).toThrow("example 1");
});

test("decoder inputs are padded with the padding token", () => {
  const given = examples.map((example) => ({
    ...example,
    decoderInputIds: [0, ...example.labels.slice(0, -1)],
  }));
  const collate = sequenceToSequenceCollator({ tokenizer: { padTokenId: 2 }, padding: "longest" });
  expect(plain(collate(given)).decoderInputIds).toEqual({ data: [0, 8, 2, 0, 3, 4], shape: [2, 3] });
});

test("labels of some examples only", async () => {
  const collate = sequenceToSequenceCollator();
  expect(await errorOf(() => collate([examples[0], { inputIds: [1] }]))).toEqual({
    code: "ERR_ARGUMENT",
    message: "collate: example 1: labels must be a sequence, got none",
  });
  expect(await errorOf(() => collate([{ inputIds: [1], labels: 3 }]))).toMatchObject({
    message: "collate: example 0: labels must be a sequence, got a number",
  });
});
