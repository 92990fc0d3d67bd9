// Token classification: alignment, places of words, windows, missing words, metrics, learning.
import { describe, expect, test } from "@jest/globals";
import { seqeval } from "../../src/metrics/index.js";
import { AutoModelForTokenClassification, type Model } from "../../src/models/index.js";
import {
  alignLabels,
  type TokenClassificationOptions,
  tokenClassification,
  tokenLabelNames,
} from "../../src/tasks/index.js";
import { entitiesOf } from "../../src/tasks/token-classification/entities.js";
import type { TaggedWindow } from "../../src/tasks/token-classification/windows.js";
import { Trainer } from "../../src/training/index.js";
import { uniform } from "../support/random.js";
import { bert, gpt2 } from "../tokenizers/support.js";
import { contextOf } from "./language-support.js";
import { labels, modelOf, people, places, prepared, row, tokenizer, verbs } from "./tagging-support.js";

const labelsOf = (windows: readonly TaggedWindow[]) =>
  windows.map((window) => Array.from(window.labels as Int32Array));
const tokensOf = ({ inputIds }: TaggedWindow) =>
  Array.from(inputIds, (id) => tokenizer.idToToken(id)).join(" ");

/** Results from logits that make each token's label certain. */
async function resultsOf(
  rows: object[],
  labelOf: (token: string) => string,
  options: TokenClassificationOptions = {},
  purpose: "evaluate" | "predict" = "predict",
) {
  const task = tokenClassification(options);
  const model = modelOf(labels);
  const examples = await task.prepare(rows, { ...contextOf(tokenizer, purpose), model });
  const tokens = examples.flatMap(({ inputIds }) => Array.from(inputIds!));
  const data = new Float32Array(tokens.length * labels.length);
  tokens.forEach((id, i) => {
    data[i * labels.length + labels.indexOf(labelOf(tokenizer.idToToken(id)!))] = 10;
  });
  const outputs = { logits: { data, shape: [tokens.length, labels.length] } };
  const results = task.join!(task.predict(outputs, examples as TaggedWindow[], model), examples, rows, model);
  return { results, examples, metrics: () => task.metrics(results, examples, model, rows) };
}

const byName = (token: string): string => {
  if (people.includes(token)) return "B-PER";
  if (["rome", "oslo", "new"].includes(token)) return "B-LOC";
  return token === "##burg" ? "I-LOC" : "O";
};

describe("labels of tokens", () => {
  test("the first token of a word, all of them, or inside labels for the rest", async () => {
    const [example] = await prepared([row]);
    expect(tokensOf(example)).toBe("[CLS] ada leaves new ##burg . [SEP]");
    expect(labelsOf([example])).toEqual([[-100, 2, 0, 1, -100, 0, -100]]);
    const all = { labelAllTokens: true };
    expect(labelsOf(await prepared([row], all))).toEqual([[-100, 2, 0, 1, 1, 0, -100]]);
    const inside = { ...all, continuation: "inside" } as const;
    expect(labelsOf(await prepared([row], inside))).toEqual([[-100, 2, 0, 1, 3, 0, -100]]);
    // There is no I-PER, so that B-PER stays.
    const person = { tokens: ["newburg"], tags: ["B-PER"] };
    expect(labelsOf(await prepared([person], inside))).toEqual([[-100, 2, 2, -100]]);
  });

  test("of a window that goes on with a word do not begin it again", () => {
    expect(Array.from(alignLabels([null, 0, 0, 1, null], [5, 6]))).toEqual([-100, 5, -100, 6, -100]);
    const continues = { continues: true };
    expect(Array.from(alignLabels([null, 0, 0, 1, null], [5, 6], continues))).toEqual([
      ...[-100, -100, -100, 6, -100],
    ]);
    const all = { labelAllTokens: true, continuationOf: (label: number) => label + 10, continues: true };
    expect(Array.from(alignLabels([null, 0, 0, 1], [5, 6], all))).toEqual([-100, 15, 15, 6]);
    // As in the reference, a special token within a word cuts it.
    expect(Array.from(alignLabels([0, null, 0], [5]))).toEqual([5, -100, 5]);
  });

  test("ids count as names do; columns are options", async () => {
    const ids = { forms: row.tokens, upos: [2, 0, 1, 0] };
    expect(labelsOf(await prepared([ids], { tokensColumn: "forms", tagsColumn: "upos" }))).toEqual(
      labelsOf(await prepared([row])),
    );
  });

  test("rows are cut at their end, or become windows", async () => {
    const long = {
      tokens: ["ada", "sees", "newburg", "newburg", "bob"],
      tags: ["B-PER", "O", "B-LOC", "B-LOC", "O"],
    };
    const cut = await prepared([long], { maxLength: 5 });
    expect(cut.map(tokensOf)).toEqual(["[CLS] ada sees new [SEP]"]);
    expect(labelsOf(cut)).toEqual([[-100, 2, 0, 1, -100]]);
    const windows = await prepared([row, long], { maxLength: 5, stride: 1 });
    expect(windows.slice(2).map(tokensOf)).toEqual([
      "[CLS] ada sees new [SEP]",
      "[CLS] new ##burg new [SEP]",
      "[CLS] new ##burg bob [SEP]",
    ]);
    expect(windows.map((window) => window.row)).toEqual([0, 0, 1, 1, 1]);
    expect(labelsOf(windows).slice(2)).toEqual([
      [-100, 2, 0, 1, -100],
      [-100, 1, -100, 1, -100],
      [-100, 1, -100, 0, -100],
    ]);
    const apart = await prepared([long], { maxLength: 5, stride: 0 });
    expect(apart.map(tokensOf)).toEqual([
      "[CLS] ada sees new [SEP]",
      "[CLS] ##burg new ##burg [SEP]",
      "[CLS] bob [SEP]",
    ]);
    // The second window begins within a word, which has its label already.
    expect(labelsOf(apart)[1]).toEqual([-100, -100, 1, -100, -100]);
  });

  test("what cannot be learnt from is left out of training alone", async () => {
    const vanishing = { tokens: ["\u200b"], tags: ["O"] };
    expect((await prepared([vanishing, row])).map((example) => example.row)).toEqual([1]);
    expect(await prepared([vanishing, row], {}, "evaluate")).toHaveLength(2);
  });
});

describe("results", () => {
  test("parts of words are told by lengths in code points, as in the reference", () => {
    const window = {
      ...{ text: "x ab y", tokens: ["x", "😀", "y"], ids: [5, 6, 7], offsets: [0, 1, 2, 4, 5, 6] },
      ...{ specialTokensMask: [0, 0, 0], scores: [1, 0, 0].map((b) => Float32Array.of(1 - b, b)) },
    };
    // The emoji is as long as "ab" in UTF-16 units alone, so that it goes on with the word before it.
    const [entity] = entitiesOf(window, tokenizer, ["O", "B-PER"], "first", new Set(["O"]));
    expect(entity).toEqual({ label: "PER", score: 1, word: "x 😀", start: 0, end: 4 });
  });

  test("a label for every word, and entities in the words joined", async () => {
    const { results } = await resultsOf([{ tokens: row.tokens }], byName);
    expect(results).toEqual([
      {
        text: "ada leaves newburg .",
        words: [
          { word: "ada", label: "B-PER", score: expect.closeTo(1, 3), start: 0, end: 3 },
          { word: "leaves", label: "O", score: expect.closeTo(1, 3), start: 4, end: 10 },
          { word: "newburg", label: "B-LOC", score: expect.closeTo(1, 3), start: 11, end: 18 },
          { word: ".", label: "O", score: expect.closeTo(1, 3), start: 19, end: 20 },
        ],
        entities: [
          { label: "PER", word: "ada", score: expect.closeTo(1, 3), start: 0, end: 3 },
          { label: "LOC", word: "newburg", score: expect.closeTo(1, 3), start: 11, end: 18 },
        ],
        missing: 0,
      },
    ]);
  });

  test("places are those of the row's text where its words stand in it", async () => {
    const text = "ada  leaves\nnewburg.";
    const [{ entities, words, text: own }] = (await resultsOf([{ tokens: row.tokens, text }], byName))
      .results;
    expect(own).toBe(text);
    expect(entities.map(({ start, end }) => text.slice(start, end))).toEqual(["ada", "newburg"]);
    expect(words.map(({ start, end }) => text.slice(start, end))).toEqual(row.tokens);
    const other = (await resultsOf([{ tokens: row.tokens, text: "ada left" }], byName)).results[0];
    expect(other.text).toBe("ada leaves newburg .");
    const joined = (await resultsOf([{ tokens: row.tokens }], byName, { joiner: "" })).results[0];
    expect(joined.text).toBe("adaleavesnewburg.");
    expect(joined.entities.map(({ start, end }) => joined.text.slice(start, end))).toEqual([
      "ada",
      "newburg",
    ]);
  });

  test("of a text alone: words are the tokenizer's", async () => {
    const text = "ada leaves newburg.";
    const [{ words, entities, missing }] = (await resultsOf([{ text }], byName)).results;
    expect(words.map(({ word, label }) => `${word}/${label}`)).toEqual([
      ...["ada/B-PER", "leaves/O", "newburg/B-LOC", "./O"],
    ]);
    expect(words.map(({ start, end }) => text.slice(start, end))).toEqual(words.map(({ word }) => word));
    expect(entities.map(({ label, start }) => [label, start])).toEqual([
      ["PER", 0],
      ["LOC", 11],
    ]);
    expect(missing).toBe(0);
  });

  test("words without tokens are O and counted: cut off, or nothing to the tokenizer", async () => {
    const rows = [
      { tokens: ["ada", "\u200b", "sees", "oslo", "rome"], tags: ["B-PER", "O", "O", "B-LOC", "B-LOC"] },
    ];
    const { results, metrics } = await resultsOf(rows, byName, { maxLength: 5 }, "evaluate");
    const [{ words, missing }] = results;
    expect(words.map(({ label }) => label)).toEqual(["B-PER", "O", "O", "B-LOC", "O"]);
    expect(words[1]).toEqual({ word: "\u200b", label: "O", score: 0, start: 4, end: 5 });
    expect(missing).toBe(2);
    expect(metrics()).toMatchObject({ precision: 1, recall: 2 / 3, accuracy: 4 / 5, missing_words: 2 });
    const windows = await resultsOf(rows, byName, { maxLength: 5, stride: 1 }, "evaluate");
    expect(windows.metrics()).toMatchObject({ precision: 1, recall: 1, accuracy: 1, missing_words: 1 });
    expect(windows.results[0].entities.map(({ label, word }) => [label, word])).toEqual([
      ["PER", "ada"],
      ["LOC", "oslo"],
      ["LOC", "rome"],
    ]);
  });

  test("a word in several windows is that of the window that shows most around it", async () => {
    const task = tokenClassification({ maxLength: 6, stride: 3 });
    const model = modelOf(labels);
    const rows = [{ tokens: ["ada", "sees", "bob", "in", "rome"] }];
    const context = { ...contextOf(tokenizer, "predict"), model };
    const examples = (await task.prepare(rows, context)) as TaggedWindow[];
    expect(examples.map(tokensOf)).toEqual(["[CLS] ada sees bob in [SEP]", "[CLS] sees bob in rome [SEP]"]);
    // The first window says B-LOC of all, the second B-PER.
    const data = Float32Array.from({ length: 12 * 4 }, (_, i) => (i % 4 === (i < 24 ? 1 : 2) ? 5 : 0));
    const predictions = task.predict({ logits: { data, shape: [12, 4] } }, examples, model);
    const [{ words }] = task.join!(predictions, examples, rows, model);
    // Within their windows "sees" is token 2 and 1, "bob" token 3 and 2 of six, "in" token 4 and 3.
    expect(words.map(({ label }) => label)).toEqual(["B-LOC", "B-LOC", "B-LOC", "B-PER", "B-PER"]);
  });

  test("metrics are those of seqeval with chunk labels, accuracy with others", async () => {
    const rows = [
      row,
      { tokens: ["bob", "sees", "rome"], tags: ["O", "O", "B-LOC"] },
      { tokens: ["oslo", "in", "rome"], tags: ["B-LOC", "I-LOC", "I-LOC"] },
    ];
    const { results, metrics } = await resultsOf(rows, byName, {}, "evaluate");
    const found = results.map(({ words }) => words.map(({ label }) => label));
    const { micro, types, accuracy } = seqeval(
      found,
      rows.map(({ tags }) => tags),
    );
    expect(metrics()).toEqual({
      ...{ precision: micro.precision, recall: micro.recall, f1: micro.f1, accuracy, missing_words: 0 },
      ...{ LOC_precision: types.LOC.precision, LOC_recall: types.LOC.recall, LOC_f1: types.LOC.f1 },
      ...{ PER_precision: types.PER.precision, PER_recall: types.PER.recall, PER_f1: types.PER.f1 },
      ...{ LOC_support: 3, PER_support: 1 },
    });
    expect([micro.precision, micro.recall, accuracy]).toEqual([3 / 6, 3 / 4, 7 / 10]);
    const plain = await resultsOf(rows, byName, { metric: "accuracy" }, "evaluate");
    expect(plain.metrics()).toEqual({ accuracy: 7 / 10, missing_words: 0 });
    const task = tokenClassification();
    const speech = modelOf(["NOUN", "-LRB-", "O"]);
    const one = { word: "a", label: "NOUN", score: 1, start: 0, end: 1 };
    const result = { text: "a", words: [one], entities: [], missing: 0 };
    const tagged = [{ tokens: ["a"], tags: ["NOUN"] }];
    expect(task.metrics([result], [], speech, tagged)).toEqual({ accuracy: 1, missing_words: 0 });
  });
});

function sentences(count: number, seed: number): { tokens: string[]; tags: string[] }[] {
  const next = uniform(seed);
  const one = (list: string[]) => list[Math.floor(next() * list.length)];
  return Array.from({ length: count }, () => {
    const place = next() < 0.5 ? ["newburg"] : [one(places)];
    const inPlace = next() < 0.5 ? ["in", ...place] : [];
    const tokens = [one(people), one(verbs), one(people), ...inPlace, "."];
    const tags = [...["B-PER", "O", "B-PER"], ...inPlace.map((word) => (word === "in" ? "O" : "B-LOC")), "O"];
    return { tokens, tags };
  });
}

test("a small BERT learns to tag, and the Trainer finds the task by itself", async () => {
  const config = {
    ...{ model_type: "bert", vocab_size: tokenizer.vocabSize, hidden_size: 16, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 64 },
  };
  const train = sentences(160, 5);
  const names = tokenLabelNames(train);
  expect(names).toEqual(["O", "B-LOC", "B-PER"]);
  const model: Model = await AutoModelForTokenClassification.fromConfig(config, { labels: names, seed: 1 });
  try {
    const args = { epochs: 12, batchSize: 16, learningRate: 1e-2, evalEvery: "no", seed: 2 } as const;
    const trainer = new Trainer({ model, tokenizer, train, eval: sentences(60, 6), args });
    const before = await trainer.evaluate();
    await trainer.train();
    const after = await trainer.evaluate();
    expect(before.f1).toBeLessThan(0.5);
    expect(after.f1).toBeGreaterThan(0.95);
    expect(after.loss).toBeLessThan(before.loss / 4);
    expect(after.missing_words).toBe(0);
    const task = tokenClassification();
    const [{ entities }] = await new Trainer({ model, tokenizer, task }).predict([
      { text: "eve likes bob in oslo." },
    ]);
    expect(entities.map(({ label, word }) => [label, word])).toEqual([
      ["PER", "eve"],
      ["PER", "bob"],
      ["LOC", "oslo"],
    ]);
  } finally {
    model.dispose();
  }
});

test("rows without a single token have a result all the same", async () => {
  const byteLevel = await gpt2();
  const rows = [{ text: "" }, { tokens: [] }, { tokens: ["", ""] }, { text: "ada sees" }];
  const examples = await prepared(rows, {}, "predict", { tokenizer: byteLevel });
  expect(examples.map((example) => example.row)).toEqual([3]);
  const task = tokenClassification();
  const tokens = examples[0].inputIds.length;
  const logits = { data: new Float32Array(tokens * labels.length), shape: [tokens, labels.length] };
  const model = modelOf(labels);
  const results = task.join!(task.predict({ logits }, examples, model), examples, rows, model);
  expect(results.map(({ text, words, missing }) => [text, words.length, missing])).toEqual([
    ["", 0, 0],
    ["", 0, 0],
    [" ", 2, 2],
    ["ada sees", 2, 0],
  ]);
  expect(results[2].words.map(({ label, score }) => [label, score])).toEqual([
    ["O", 0],
    ["O", 0],
  ]);
});

test("Chinese characters: words of one and several characters", async () => {
  const chinese = bert("bert-base-chinese");
  const rows = [{ tokens: ["北京", "大", "学"], tags: ["B-LOC", "I-LOC", "O"] }];
  const options = { joiner: "", labelAllTokens: true, continuation: "inside" } as const;
  expect(labelsOf(await prepared(rows, options, "train", { tokenizer: chinese }))).toEqual([
    [-100, 1, 3, 3, 0, -100],
  ]);
});
