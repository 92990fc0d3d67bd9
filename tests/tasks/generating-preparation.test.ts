// What the tasks that generate text make of rows: blocks and windows of text, sources and targets; and their mistakes.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { slidingWindows } from "../../src/tasks/causal-language-modeling/windows.js";
import {
  type CausalLanguageModelingOptions,
  causalLanguageModeling,
  summarization,
  translation,
} from "../../src/tasks/index.js";
import { errorOf } from "../data/temporary.js";
import { contextOf, wordTokenizer } from "./language-support.js";

const words = "sun moon rises sets east west in the always never : say".split(" ");
const tokenizer = wordTokenizer(words, 12);
const rows = ["sun rises", "moon sets in the west", "sun"].map((text) => ({ text }));

const textOf = (ids: ArrayLike<number>) => Array.from(ids, (id) => tokenizer.idToToken(id)).join(" ");

async function prepared(purpose: "train" | "evaluate" | "predict", options: CausalLanguageModelingOptions) {
  return causalLanguageModeling(options).prepare(rows, contextOf(tokenizer, purpose));
}

test("training: blocks of all rows, each token its own label", async () => {
  const examples = await prepared("train", { maxLength: 4 });
  expect(examples.map(({ inputIds }) => textOf(inputIds!))).toEqual([
    "[CLS] sun rises [SEP]",
    "[CLS] moon sets in",
    "the west [SEP] [CLS]",
  ]);
  for (const { inputIds, labels } of examples) expect(labels).toEqual(inputIds);
  expect(await prepared("train", { maxLength: 4, remainder: "keep" })).toHaveLength(4);
  const lines = await prepared("train", { maxLength: 4, lineByLine: true });
  expect(lines.map(({ inputIds }) => textOf(inputIds!))).toEqual([
    "[CLS] sun rises [SEP]",
    "[CLS] moon sets in",
    "[CLS] sun [SEP]",
  ]);
});

test("evaluating: windows beside each other share a token, so that all but the first are predicted", async () => {
  const examples = await prepared("evaluate", { maxLength: 6 });
  expect(examples.map(({ inputIds }) => textOf(inputIds!))).toEqual([
    "[CLS] sun rises [SEP] [CLS] moon",
    "moon sets in the west [SEP]",
    "[SEP] [CLS] sun [SEP]",
  ]);
  expect(examples.map(({ labels }) => (labels as Int32Array)[0])).toEqual([-100, -100, -100]);
});

test("windows count each token but the first once, after as many others as the stride leaves", () => {
  const sizes = fc.record({
    tokens: fc.integer({ min: 1, max: 60 }),
    length: fc.integer({ min: 2, max: 12 }),
  });
  fc.assert(
    fc.property(sizes, fc.nat(), ({ tokens, length }, number) => {
      const stride = 1 + (number % length);
      const ids = Int32Array.from({ length: tokens }, (_, i) => i);
      const counted = slidingWindows(ids, { length, stride }, 0).flatMap(({ inputIds, labels }) => {
        const [own, wanted] = [inputIds as Int32Array, Array.from(labels as Int32Array)];
        expect(own.length).toBeLessThanOrEqual(length);
        expect(wanted[0]).toBe(-100);
        return wanted.flatMap((label, i) => {
          if (label === -100) return [];
          expect(label).toBe(own[i]);
          expect(i).toBeGreaterThanOrEqual(Math.min(label, length - stride));
          return [label];
        });
      });
      expect(counted).toEqual(Array.from(ids.subarray(1)));
    }),
    { seed: 7 },
  );
});

test("predicting: prompts, of which the end counts", async () => {
  const long = { text: "never sun rises in the west always moon sets in the east" };
  const task = causalLanguageModeling({});
  const examples = await task.prepare([rows[0], long], contextOf(tokenizer, "predict"));
  expect(textOf(examples[0].inputIds!)).toBe("[CLS] sun rises [SEP]");
  expect(textOf(examples[1].inputIds!)).toBe(
    "in the west always moon sets in the east [SEP]".replace(/^/, "rises "),
  );
  expect(examples.map(({ labels }) => labels)).toEqual([undefined, undefined]);
  const [{ inputIds }] = await causalLanguageModeling({ generation: { maxNewTokens: 8 } }).prepare(
    [long],
    contextOf(tokenizer, "predict"),
  );
  expect(textOf(inputIds!)).toBe("in the east [SEP]"); // twelve positions, of which eight stay free
});

test("translation: sources with their prefix, targets as labels, pairs in a column", async () => {
  const task = translation({
    pairColumn: "translation",
    sourceColumn: "en",
    targetColumn: "ro",
    prefix: "say : ",
  });
  const pairs = [
    { translation: { en: "sun sets", ro: "moon rises" } },
    { translation: { en: "sun", ro: ["moon", "sun"] } },
  ];
  const examples = await task.prepare(pairs, contextOf(tokenizer, "train"));
  expect(examples.map(({ inputIds, labels }) => [textOf(inputIds!), textOf(labels as Int32Array)])).toEqual([
    ["[CLS] say : sun sets [SEP]", "[CLS] moon rises [SEP]"],
    ["[CLS] say : sun [SEP]", "[CLS] moon [SEP]"],
  ]);
  const limited = translation({ maxSourceLength: 3, maxTargetLength: 4 });
  const [{ inputIds, labels }] = await limited.prepare(
    [{ source: "sun sets in", target: "moon rises in the" }],
    contextOf(tokenizer, "train"),
  );
  expect([inputIds!.length, (labels as Int32Array).length]).toEqual([3, 4]);
});

test("scores: several references, sentences of summaries", () => {
  const results = [
    { text: "the sun sets in the west", candidates: [] },
    { text: "the moon", candidates: [] },
  ];
  const translated = translation().metrics(results, [], {} as never, [
    { source: "", target: ["the sun rises", "the sun sets in the west"] },
    { source: "", target: "the moon" },
  ]);
  expect(translated.bleu).toBeCloseTo(100, 6);
  const summarized = summarization().metrics(
    [{ text: "Suns set. Moons rise.", candidates: [] }],
    [],
    {} as never,
    [{ document: "", summary: ["never", "A moon rises. The sun sets."] }],
  );
  // Stems: sun set moon rise against a moon rise the sun set; sentence by sentence all four are found.
  expect(summarized.rouge1).toBeCloseTo((100 * 2 * (4 / 4) * (4 / 6)) / (4 / 4 + 4 / 6), 6);
  expect(summarized.rougeLsum).toBeCloseTo(summarized.rouge1, 6);
  expect(summarized.rougeL).toBeLessThan(summarized.rouge1);
});

test.each([
  [
    "translation",
    () => translation().prepare([{ source: "sun" }], contextOf(tokenizer, "train")),
    'row 0 column "target" must be a text, got undefined',
  ],
  [
    "translation",
    () => translation({ pairColumn: "t" }).prepare([{ t: 3 }], contextOf(tokenizer, "train")),
    'row 0 column "t" must be an object with a text for each language, got 3',
  ],
  [
    "translation",
    () => translation().prepare([{ source: " " }], contextOf(tokenizer, "predict")),
    "must be a text that is not empty",
  ],
  [
    "summarization",
    () => summarization().prepare([{ document: "sun", summary: [] }], contextOf(tokenizer, "train")),
    "a list of texts that are not empty, got a list of 0",
  ],
  [
    "causalLanguageModeling",
    () => causalLanguageModeling().prepare([{ txt: "sun" }], contextOf(tokenizer, "train")),
    'row 0 column "text" must be a text',
  ],
] as [string, () => Promise<unknown>, string][])("%s: rows are named", async (task, work, says) => {
  expect(await errorOf(work)).toEqual({ code: "ERR_DATA", message: expect.stringContaining(`${task}: `) });
  expect(await errorOf(work)).toMatchObject({ message: expect.stringContaining(says) });
});

test.each([
  [
    () => causalLanguageModeling({ maxLength: 4, stride: 5 }),
    "causalLanguageModeling: stride must be at most maxLength, 4, got 5",
  ],
  [
    () => causalLanguageModeling({ maxLength: 1 }),
    "causalLanguageModeling: maxLength must be an integer from 2, got 1",
  ],
  [
    () => causalLanguageModeling({ lineByLine: "yes" as never }),
    'causalLanguageModeling: lineByLine must be true or false, got "yes"',
  ],
  [
    () => translation({ bleuTokenizer: "13b" as never }),
    'translation: bleuTokenizer must be one of 13a, zh, char, intl, none, got "13b"',
  ],
  [
    () => summarization({ rougeTokenizer: "zh" as never }),
    'summarization: rougeTokenizer must be one of rouge, characters, got "zh"',
  ],
  [() => summarization({ useStemmer: 1 as never }), "summarization: useStemmer must be true or false, got 1"],
  [() => translation({ generation: 4 as never }), "translation: generation must be an object, got 4"],
  [() => translation({ prefix: 4 as never }), "translation: prefix must be a text, got 4"],
  [
    () => summarization({ maxTargetLength: 0 }),
    "summarization: maxTargetLength must be an integer from 1, got 0",
  ],
])("options are checked (%#)", async (work, message) => {
  expect(await errorOf(work)).toEqual({ code: "ERR_ARGUMENT", message });
});
