// Taggers of one's own over BERT, with a CRF and with an LSTM below it: they learn, and tell entities apart.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  autoModelForHead,
  type Batch,
  collateTagChains,
  type HeadContext,
  type HeadInputs,
  type Model,
  nn,
  ops,
  pathLogits,
  type Tensor,
  Trainer,
  tokenClassification,
} from "../../src/index.js";
import { expectCode, expectSameBits } from "../support/ops.js";
import { uniform } from "../support/random.js";
import { tinyConfig, tinyTokenizer } from "../training/support.js";

class CrfTagger {
  readonly collate = collateTagChains;
  readonly #output: nn.Linear;
  readonly #crf: nn.Crf;

  constructor({ parameters, hiddenSize, classes, config, init }: HeadContext) {
    this.#output = new nn.Linear(parameters, "classifier", hiddenSize, classes, init);
    this.#crf = new nn.Crf(parameters, "crf", classes, { labels: Object.values(config.id2label!) });
  }

  read(words: Tensor, _offsets: Tensor): Tensor {
    return words;
  }

  forward({ lastHiddenState, batch, training }: HeadInputs) {
    const { chainRows, chainOffsets } = batch.extra;
    const emissions = this.#output.forward(
      this.read(ops.gatherRows(lastHiddenState, chainRows), chainOffsets),
    );
    if (training) return { emissions };
    const { tags } = this.#crf.decode(emissions, chainOffsets);
    return { emissions, logits: pathLogits(tags, batch, this.#crf.tags) };
  }

  loss({ emissions }: { emissions: Tensor }, batch: Batch): Tensor {
    return this.#crf.nll(emissions, batch.extra.chainOffsets, batch.labels!);
  }
}

class LstmCrfTagger extends CrfTagger {
  readonly #lstm: nn.Lstm;

  constructor(context: HeadContext) {
    super(context);
    const { parameters, hiddenSize } = context;
    this.#lstm = new nn.Lstm(parameters, "lstm", hiddenSize, hiddenSize / 2, { bidirectional: true });
  }

  override read(words: Tensor, offsets: Tensor): Tensor {
    return this.#lstm.forward(words, offsets).output;
  }
}

const labels = ["O", "B-X", "I-X", "B-Y", "I-Y"];

/** "card" begins an X and "cash" a Y; "new" and "fee" go on with what they follow, alone they are nothing. */
function taggedRows(count: number, seed: number): { tokens: string[]; tags: string[] }[] {
  const next = uniform(seed);
  const words = ["card", "cash", "new", "fee", "new", "fee", "the", "my"];
  return Array.from({ length: count }, () => {
    const tokens = Array.from({ length: 2 + Math.floor(next() * 9) }, () => words[Math.floor(next() * 8)]);
    let type = "";
    const tags = tokens.map((word) => {
      if (word === "new" || word === "fee") return type ? `I-${type}` : "O";
      type = { card: "X", cash: "Y" }[word] ?? "";
      return type ? `B-${type}` : "O";
    });
    return { tokens, tags };
  });
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-tagger-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each<[string, typeof CrfTagger, string[]]>([
  ["Crf", CrfTagger, ["crf.transitions", "crf.start_transitions", "crf.end_transitions"]],
  ["LstmCrf", LstmCrfTagger, ["lstm.weight_ih_l0", "lstm.weight_hh_l0_reverse"]],
])("%s", (name, Head, parameters) => {
  const Auto = autoModelForHead(name, Head);
  let model: Model;
  beforeAll(async () => {
    model = await Auto.fromConfig(tinyConfig, { labels, seed: 4 });
  });
  afterAll(() => model.dispose());

  test("learns with the Trainer; what it decodes are whole entities; loads as it was saved", async () => {
    const [train, held] = [taggedRows(240, 1), taggedRows(60, 2)];
    const args = {
      ...{ epochs: 8, learningRate: 3e-3, batchSize: 16, seed: 5 },
      outputFolder: join(folder, name),
    };
    const tokenizer = tinyTokenizer();
    const trainer = new Trainer({ model, tokenizer, task: tokenClassification(), train, args });
    await trainer.train();
    const { f1 } = await trainer.evaluate(held);
    expect(f1).toBeGreaterThan(0.9);
    const [{ words, entities }] = await trainer.predict([{ tokens: ["my", "cash", "fee", "the", "fee"] }]);
    expect(words.map(({ label }) => label)).toEqual(["O", "B-Y", "I-Y", "O", "O"]);
    expect(entities.map(({ label, score }) => [label, score])).toEqual([["Y", 1]]);

    await model.savePretrained(join(folder, `${name}-saved`));
    const loaded = await Auto.fromPretrained(join(folder, `${name}-saved`));
    expect(loaded.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    for (const parameter of parameters) {
      const values = await loaded.parameters().get(parameter)!.data();
      expectSameBits(values, await model.parameters().get(parameter)!.data(), parameter);
    }
    loaded.dispose();
  });
});

describe("chains of a batch", () => {
  test("have the labelled tokens that begin words, and every token its place in them", async () => {
    const examples = [
      { inputIds: [2, 7, 8, 9, 3], wordStarts: [1, 3], labels: [-100, 1, 2, 0, -100] },
      { inputIds: [2, 3], wordStarts: [], labels: [-100, -100] },
      { inputIds: [2, 7, 3], labels: [-100, 4, -100] },
    ];
    const { tensors, lossCount } = collateTagChains(examples, "cpu");
    const numbers = async (name: string) => [...(await tensors[name].data())];
    expect(lossCount).toBe(2);
    expect(await numbers("chainRows")).toEqual([1, 3, 8]);
    expect(await numbers("chainOffsets")).toEqual([0, 2, 2, 3]);
    expect(await numbers("chainPlaces")).toEqual([3, 0, 3, 1, 3, 3, 3, 3, 2, 3]);
    expect(await numbers("labels")).toEqual([1, 0, 4]);

    const unlabelled = examples.map(({ inputIds, wordStarts }) => ({ inputIds, wordStarts }));
    const predicting = collateTagChains(unlabelled, "cpu");
    expect(predicting.lossCount).toBe(0);
    expect(predicting.tensors.labels).toBeUndefined();
    expect([...(await predicting.tensors.chainRows.data())]).toEqual([1, 3, 7, 8, 9]);
  });

  test("labels must be one for each token", () => {
    const examples = [{ inputIds: [2, 7, 3], labels: [1] }];
    expectCode(() => collateTagChains(examples, "cpu"), "ERR_ARGUMENT", "labels must be 3 long, got 1");
  });

  test("path logits leave the path's tag alone, and all tags outside of chains", async () => {
    const model = await autoModelForHead("Crf", CrfTagger).fromConfig(tinyConfig, {
      labels: labels.slice(0, 3),
    });
    const batch = model.collate([{ inputIds: [2, 7, 3], wordStarts: [1] }]);
    const path = ops.slice(batch.inputIds, 0, 1); // the integer 2
    const logits = pathLogits(path, batch, 3);
    expect([...(await logits.data())]).toEqual([0, 0, 0, -100, -100, 0, 0, 0, 0]);
    model.dispose();
  });
});
