// Masked language modelling: blocks, whole words of Chinese, perplexity, filling masks, learning.
import { expect, test } from "@jest/globals";
import { AutoModelForMaskedLM, type Model } from "../../src/models/index.js";
import {
  groupTexts,
  type MaskedLanguageModelingOptions,
  maskedLanguageModeling,
} from "../../src/tasks/index.js";
import { largestPlaces } from "../../src/tasks/largest-places.js";
import { type MaskableExample, Random, Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { uniform } from "../support/random.js";
import { bert } from "../tokenizers/support.js";
import { contextOf, wordTokenizer } from "./language-support.js";

const words = "sun moon rises sets east west in the always never".split(" ");
const tokenizer = wordTokenizer(words, 32);
const rows = ["sun rises in the east", "", "moon sets", "  ", "in the west sun sets never"].map((text) => ({
  text,
}));

async function prepared(options: MaskedLanguageModelingOptions = {}, from: object[] = rows) {
  const task = maskedLanguageModeling(options);
  return (await task.prepare(from, contextOf(tokenizer, "train"))) as MaskableExample[];
}

const textOf = ({ inputIds }: MaskableExample) =>
  Array.from(inputIds!, (id) => tokenizer.idToToken(id)).join(" ");

test("texts are laid one after another and cut into blocks", async () => {
  const blocks = await prepared({ maxLength: 6 });
  expect(blocks.map(textOf)).toEqual([
    "[CLS] sun rises in the east",
    "[SEP] [CLS] moon sets [SEP] [CLS]",
    "in the west sun sets never",
  ]);
  expect(blocks.map(({ row }) => row)).toEqual([0, 0, 4]);
  expect(blocks.map(({ specialTokensMask }) => Array.from(specialTokensMask!))[1]).toEqual([
    1, 1, 0, 0, 1, 1,
  ]);
  expect((await prepared({ maxLength: 6, remainder: "keep" })).map(textOf)[3]).toBe("[SEP]");
  // Less than one block in all is a block of its own.
  expect(await prepared({ maxLength: 32 })).toHaveLength(1);
});

test("line by line every text is an example, cut at its end", async () => {
  const lines = await prepared({ lineByLine: true, maxLength: 6 });
  expect(lines.map(textOf)).toEqual([
    "[CLS] sun rises in the [SEP]",
    "[CLS] moon sets [SEP]",
    "[CLS] in the west sun [SEP]",
  ]);
  expect(lines.map(({ row }) => row)).toEqual([0, 2, 4]);
});

test("groupTexts numbers words anew and says what it needs", () => {
  const lines = rows.filter(({ text }) => text.trim()).map(({ text }) => tokenizer.encode(text));
  const blocks = groupTexts(lines, 9, { remainder: "keep" });
  expect(Array.from(blocks[0].wordIds!)).toEqual([-1, 0, 1, 2, 3, 4, -1, -1, 5]);
  expect(Array.from(blocks[1].wordIds!)).toEqual([6, -1, -1, 7, 8, 9, 10, 11, 12]);
  expect(() => groupTexts(lines, 0)).toThrow(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      message: "groupTexts: length must be an integer from 1, got 0",
    }),
  );
});

test("Chinese words are hidden as a whole when they are given", async () => {
  const chinese = bert("bert-base-chinese");
  const text = "使用语言模型 来预测下一个词的概率";
  const segments = ["使用", "语言", "模型", "来", "预测", "下", "一个", "词", "的", "概率"];
  const options = { wholeWord: true, words: () => segments, lineByLine: true, probability: 0.3 };
  const task = maskedLanguageModeling(options);
  const examples = await task.prepare([{ text }], contextOf(chinese, "train"));
  expect(Array.from((examples[0] as MaskableExample).wordIds as Int32Array)).toEqual([
    ...[-1, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9, -1],
  ]);
  let together = 0;
  for (let step = 0; step < 100; step++) {
    const [{ labels }] = task.vary!(examples, new Random(1, { step }));
    const hidden = Array.from(labels as Int32Array, (label) => label !== -100);
    for (const [a, b] of [
      [1, 2],
      [3, 4],
      [5, 6],
      [8, 9],
      [11, 12],
      [15, 16],
    ]) {
      expect(hidden[a]).toBe(hidden[b]);
      if (hidden[a]) together++;
    }
  }
  expect(together).toBeGreaterThan(100);
  // Words of a segmenter that comes with Node.
  const segmenter = new Intl.Segmenter("zh", { granularity: "word" });
  const bySegmenter = (sentence: string) => Array.from(segmenter.segment(sentence), ({ segment }) => segment);
  const other = maskedLanguageModeling({ ...options, words: bySegmenter });
  expect(await other.prepare([{ text }], contextOf(chinese, "train"))).toHaveLength(1);
});

test.each<[string, MaskedLanguageModelingOptions, unknown, string]>([
  ["no text", {}, { body: "sun" }, 'row 1 column "text" must be a text, got undefined'],
  [
    "words of another text",
    { wholeWord: true, words: () => ["moon", "sun"] },
    { text: "sun sets moon" },
    'row 0 must be cut into words that follow each other in it, got "moon"',
  ],
  [
    "no list of words",
    { wholeWord: true, words: () => "sun" as unknown as string[] },
    { text: "moon" },
    "row 0 must be cut into a list",
  ],
])("%s is refused, naming the row", async (_, options, row, message) => {
  const error = await errorOf(() => prepared(options, [{ text: "sun sets" }, row as object]));
  expect(error.code).toBe("ERR_DATA");
  expect(error.message).toContain(`maskedLanguageModeling: ${message}`);
});

test.each<[object, string]>([
  [{ maxLength: 0 }, "maxLength must be an integer from 1, got 0"],
  [{ probability: 2 }, "probability must be a number above 0, at most 1, got 2"],
  [{ topK: "5" }, 'topK must be an integer from 1, got "5"'],
  [{ remainder: "pad" }, 'remainder must be "drop" or "keep", got "pad"'],
  [{ words: () => [] }, "wholeWord must be true beside words, got false"],
])("options %j are refused", (options, message) => {
  expect(() => maskedLanguageModeling(options as MaskedLanguageModelingOptions)).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT", message: `maskedLanguageModeling: ${message}` }),
  );
});

const config = {
  ...{ model_type: "bert", vocab_size: 5 + words.length, hidden_size: 32, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 32, initializer_range: 0.1 },
  ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
};

async function withMaskedModel<T>(use: (model: Model) => Promise<T>): Promise<T> {
  const model = await AutoModelForMaskedLM.fromConfig(config, { seed: 1 });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** Sun and moon rise in the east and set in the west. */
function sentences(count: number): { text: string }[] {
  const next = uniform(7);
  return Array.from({ length: count }, () => {
    const [sun, rises] = [next() < 0.5, next() < 0.5];
    const place = rises ? "east" : "west";
    const often = next() < 0.5 ? "always" : "never";
    return { text: `${often} ${sun ? "sun" : "moon"} ${rises ? "rises" : "sets"} in the ${place}` };
  });
}

test("learns what fills a mask; perplexity is exp of the loss and repeats", async () => {
  await withMaskedModel(async (model) => {
    const train = sentences(200);
    const task = maskedLanguageModeling({ lineByLine: true, probability: 0.3 });
    const args = { epochs: 30, batchSize: 32, learningRate: 3e-3, evalEvery: "no", seed: 3 } as const;
    const trainer = new Trainer({ model, tokenizer, task, train, eval: sentences(50), args });
    const before = await trainer.evaluate();
    expect(await trainer.evaluate()).toEqual(before);
    await trainer.train();
    const after = await trainer.evaluate();
    expect(after.perplexity).toBeCloseTo(Math.exp(after.loss), 6);
    expect(after.perplexity).toBeLessThan(before.perplexity / 2);
    expect(after.accuracy).toBeGreaterThan(before.accuracy);
    const filled = await trainer.predict([
      { text: "always sun rises in the [MASK]" },
      { text: "never moon [MASK] in [MASK] east" },
    ]);
    const [{ masks: one }, { masks: two }] = filled;
    expect(one).toHaveLength(1);
    expect(one[0]).toMatchObject({ position: 6 });
    expect(one[0].candidates).toHaveLength(5);
    expect(one[0].candidates[0]).toMatchObject({ token: "east", sequence: "always sun rises in the east" });
    expect(two.map(({ position }) => position)).toEqual([3, 5]);
    expect(two.map(({ candidates }) => candidates[0].token)).toEqual(["rises", "the"]);
    expect(two[0].candidates[0].sequence).toBe("never moon rises in [MASK] east");
    for (const { candidates } of [...one, ...two]) {
      const scores = candidates.map(({ score }) => score);
      expect(scores).toEqual(scores.slice().sort((a, b) => b - a));
      expect(scores.reduce((sum, score) => sum + score, 0)).toBeLessThanOrEqual(1 + 1e-6);
    }
    const byDefault = new Trainer({ model, tokenizer, eval: train.slice(0, 40), args: { seed: 3 } });
    expect(Object.keys(await byDefault.evaluate())).toEqual(["loss", "perplexity", "accuracy"]);
  });
});

test("accuracy and candidates are those of all logits", async () => {
  await withMaskedModel(async (model) => {
    model.eval();
    const task = maskedLanguageModeling({ lineByLine: true, probability: 0.5, topK: 100 });
    const examples = task.vary!(
      await task.prepare(sentences(12), contextOf(tokenizer, "evaluate")),
      new Random(2),
    );
    const read = async (name: "logits" | "labelLogits") => {
      const batch = model.collate(examples);
      const output = model.forward(batch) as unknown as Record<
        string,
        { shape: number[]; data(): Promise<Float32Array> }
      >;
      return { [name]: { data: await output[name].data(), shape: output[name].shape } };
    };
    const labelled = await read("labelLogits");
    expect(labelled.labelLogits.shape).toEqual([
      examples.reduce((sum, { labels }) => sum + (labels as Int32Array).filter((l) => l !== -100).length, 0),
      config.vocab_size,
    ]);
    const all = task.predict(await read("logits"), examples, model);
    expect(task.predict(labelled, examples, model)).toEqual(all);
    const [example] = await task.prepare([{ text: "sun [MASK] in" }], contextOf(tokenizer, "predict"));
    const batch = model.collate([{ inputIds: example.inputIds }]);
    const logits = await (model.forward(batch).logits.data() as Promise<Float32Array>);
    const row = Array.from(logits.slice(2 * config.vocab_size, 3 * config.vocab_size));
    const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
    const outputs = {
      logits: { data: logits, shape: [logits.length / config.vocab_size, config.vocab_size] },
    };
    const [{ masks }] = task.predict(outputs, [example], model);
    const wanted = row
      .map((logit, tokenId) => ({ tokenId, score: Math.exp(logit) / sum }))
      .sort((a, b) => b.score - a.score);
    expect(masks[0].candidates.map(({ tokenId }) => tokenId)).toEqual(wanted.map(({ tokenId }) => tokenId));
    masks[0].candidates.forEach(({ score }, i) => {
      expect(score).toBeCloseTo(wanted[i].score, 6);
    });
  });
});

test("examples that were prepared elsewhere are refused", () => {
  expect(() => maskedLanguageModeling().vary!([{ inputIds: [2, 3] }], new Random(0))).toThrow(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      message: "maskedLanguageModeling: examples must be of this task's prepare(), got others",
    }),
  );
});

test("a text without a mask cannot be filled", async () => {
  await withMaskedModel(async (model) => {
    const trainer = new Trainer({ model, tokenizer, task: maskedLanguageModeling() });
    await expect(trainer.predict([{ text: "sun [MASK]" }, { text: "sun sets" }])).rejects.toMatchObject({
      code: "ERR_DATA",
      message:
        'maskedLanguageModeling: row 1 column "text" must be a text with [MASK] in its first 32 tokens, got "sun sets"',
    });
    await expect(new Trainer({ model, eval: rows }).evaluate()).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      message: "maskedLanguageModeling: tokenizer must be given, got none",
    });
  });
});

test("the largest places, the earlier one of equal values first", () => {
  const next = uniform(4);
  const values = Float32Array.from({ length: 300 }, () => Math.floor(50 * next()));
  const sorted = Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a]);
  for (const count of [1, 20, 300, 400]) expect(largestPlaces(values, count)).toEqual(sorted.slice(0, count));
});
