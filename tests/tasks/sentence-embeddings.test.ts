// Sentence embeddings as a task: rows, refusals, losses against plain arithmetic, models that learn, resuming.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { readGlue } from "../../src/data/index.js";
import {
  cosineSimilarityLoss,
  multipleNegativesRankingLoss,
  SentenceTransformer,
  semanticSearch,
  similarityOf,
} from "../../src/embeddings/index.js";
import { AutoModelForSequenceClassification, type Example } from "../../src/models/index.js";
import { sentenceEmbeddings } from "../../src/tasks/index.js";
import { retrievalMetrics } from "../../src/tasks/sentence-embeddings/scores.js";
import { engineState, synchronize } from "../../src/tensor/device.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { uniform } from "../support/random.js";
import { bert } from "../tokenizers/support.js";
import { bitsOf, tinyConfig, tinyTokenizer } from "../training/support.js";
import { contextOf, repositoryFile, wordTokenizer } from "./language-support.js";

const tokenizer = tinyTokenizer();
const tiny = (options = {}) => SentenceTransformer.fromConfig(tinyConfig, { tokenizer, seed: 6, ...options });

/** Questions about four things in different words: those about one thing belong together. */
function pairs(count: number, seed: number): { anchor: string; positive: string; topic: string }[] {
  const topics = { card: "lost stolen", cash: "fee charged", pin: "change code", app: "new when" };
  const next = uniform(seed);
  const some = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)];
  const text = (topic: keyof typeof topics) => {
    const [one, two] = topics[topic].split(" ");
    return [
      some(["the", "a", "my"]),
      some([topic, one, two]),
      some(["is", "was", "it"]),
      some([one, two]),
    ].join(" ");
  };
  return Array.from({ length: count }, () => {
    const topic = some(Object.keys(topics) as (keyof typeof topics)[]);
    return { anchor: text(topic), positive: text(topic), topic };
  });
}

test("ranking by rows of pairs: retrieval gets better, and embeddings of like questions are near", async () => {
  const model = await tiny();
  const task = sentenceEmbeddings({ groupColumn: "topic" });
  const args = { epochs: 6, batchSize: 16, learningRate: 2e-3, seed: 2 };
  const trainer = new Trainer({ model, tokenizer, task, train: pairs(160, 1), eval: pairs(40, 9), args });
  const before = await trainer.evaluate();
  await trainer.train();
  const after = await trainer.evaluate();
  expect(Object.keys(after)).toEqual([
    "loss",
    "accuracyAt1",
    "recallAt1",
    "recallAt5",
    "recallAt10",
    "mrrAt10",
  ]);
  expect(after.loss).toBeLessThan(before.loss / 2);
  expect(after.mrrAt10).toBeGreaterThan(0.97);
  expect(before.mrrAt10).toBeLessThan(after.mrrAt10);
  const [a, b, c] = await model.encode(["my card is stolen", "a card was lost", "the pin is code"]);
  expect(similarityOf(a, b)).toBeGreaterThan(similarityOf(a, c) + 0.3);
  const [answer] = await trainer.predict([{ anchor: "my card is stolen" }]);
  expect(answer).toEqual({ embedding: a });
  model.dispose();
}, 60_000);

test("cosine similarity on rows of STS-B", async () => {
  const rows = await readGlue("stsb", repositoryFile("tests/fixtures/data/sts-b.tsv"));
  const words = bert("bert-base-uncased");
  const config = { ...tinyConfig, vocab_size: words.vocabSize, max_position_embeddings: 64 };
  const model = await SentenceTransformer.fromConfig(config, { seed: 3 });
  const task = sentenceEmbeddings({ loss: "cosineSimilarity", maxScore: 5, scoreColumn: "label" });
  const args = { epochs: 30, batchSize: 4, learningRate: 2e-3, seed: 1 };
  const trainer = new Trainer({ model, tokenizer: words, task, train: rows, eval: rows, args });
  const before = await trainer.evaluate();
  await trainer.train();
  const after = await trainer.evaluate();
  expect(Object.keys(after)).toEqual(["loss", "pearson", "spearman"]);
  expect(after.spearman).toBeGreaterThan(0.9);
  expect(after.loss).toBeLessThan(before.loss / 4);
  model.dispose();
}, 60_000);

test("a run that goes on from a checkpoint gives the same bits, dense layers too", async () => {
  await inFolder(async (folder) => {
    const args = { epochs: 2, batchSize: 8, seed: 4, saveEvery: 3, logEvery: 100 } as const;
    const trained = async (more: object) => {
      const model = await tiny({ dense: 12, normalize: true });
      const options = { ...args, outputFolder: folder, ...more };
      const trainer = new Trainer({
        model,
        tokenizer,
        task: sentenceEmbeddings(),
        train: pairs(24, 5),
        args: options,
      });
      await trainer.train();
      const bits = await bitsOf(model.parameters());
      model.dispose();
      return bits;
    };
    const whole = await trained({});
    expect(await trained({ resume: join(folder, "checkpoint-3") })).toEqual(whole);
    const saved = await SentenceTransformer.fromPretrained(join(folder, "checkpoint-6"));
    expect(await bitsOf(saved.parameters())).toEqual(whole);
    expect(saved.dimension).toBe(12);
    expect(JSON.parse(readFileSync(join(folder, "checkpoint-6/modules.json"), "utf8"))).toHaveLength(4);
    saved.dispose();
  });
}, 60_000);

describe("losses", () => {
  const sentences = (...counts: number[]): Example[] =>
    counts.map((count, b) => ({
      choices: Array.from({ length: count }, (_, i) => ({ inputIds: [2, 5 + b + 3 * i, 3] })),
    }));
  const cosines = (vectors: Float32Array[], i: number, places: number[]) =>
    places.map((place) => similarityOf(vectors[i], vectors[place]));
  const entropy = (logits: number[], own: number) =>
    Math.log(logits.reduce((sum, x) => sum + Math.exp(x - logits[own]), 0));

  async function lossOf(examples: Example[], loss: ReturnType<typeof cosineSimilarityLoss>) {
    const model = (await tiny()).useLoss(loss);
    const output = model.forward(model.collate(examples));
    const flat = (await output.sentenceEmbedding.data()) as Float32Array;
    const width = model.dimension;
    const vectors = Array.from({ length: flat.length / width }, (_, i) =>
      flat.slice(i * width, (i + 1) * width),
    );
    const value = await output.loss?.item();
    model.dispose();
    return { value, vectors };
  }

  test("ranking: negatives of all rows, none of a positive's own group", async () => {
    const groups = [4, 7, 4];
    const examples = sentences(2, 3, 2).map((example, i) => ({ ...example, labels: groups[i] }));
    const { value, vectors } = await lossOf(examples, multipleNegativesRankingLoss({ scale: 10 }));
    // Sentences 0 1 | 2 3 4 | 5 6: anchors 0 2 5, candidates 1 3 6 4.
    const candidates = [
      [1, 3, 4],
      [1, 3, 6, 4],
      [3, 6, 4],
    ];
    const own = [0, 1, 1];
    const losses = [0, 2, 5].map((anchor, row) => {
      return entropy(
        cosines(vectors, anchor, candidates[row]).map((cosine) => 10 * cosine),
        own[row],
      );
    });
    expect(value).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 3, 5);
  });

  test("cosine similarity", async () => {
    const examples = sentences(2, 2).map((example, i) => ({ ...example, labels: [0.2, 1][i] }));
    const { value, vectors } = await lossOf(examples, cosineSimilarityLoss());
    const [first] = cosines(vectors, 0, [1]);
    const [second] = cosines(vectors, 2, [3]);
    expect(value).toBeCloseTo(((first - 0.2) ** 2 + (second - 1) ** 2) / 2, 5);
  });

  test("without scores there is none; what does not fit is refused", async () => {
    expect((await lossOf(sentences(2, 2), cosineSimilarityLoss())).value).toBeUndefined();
    const three = sentences(2, 3).map((example) => ({ ...example, labels: 1 }));
    expect(await errorOf(() => lossOf(three, cosineSimilarityLoss()))).toEqual({
      code: "ERR_ARGUMENT",
      message: "collate: example 1 must have two sentences, got 3",
    });
    expect(await errorOf(() => multipleNegativesRankingLoss({ scale: 0 }))).toEqual({
      code: "ERR_ARGUMENT",
      message: "multipleNegativesRankingLoss: scale must be a number above 0, got 0",
    });
  });
});

test("retrieval counts every positive of the group, and never the anchor's own text", () => {
  const vector = (...values: number[]) => Float32Array.from(values);
  const rows = [
    { texts: ["a", "b"], embeddings: [vector(1, 0), vector(0.9, 0.1)], group: 0 },
    { texts: ["b", "c"], embeddings: [vector(0.9, 0.1), vector(0, 1)], group: 0 },
    { texts: ["d", "e", "f"], embeddings: [vector(0, 1), vector(1, 0.2), vector(-1, 0)], group: 1 },
  ];
  // Corpus b c e f. a wants b and c: b, e, c, f. b wants c: e, c, f. d wants e: c, e, b, f.
  expect(retrievalMetrics(rows)).toEqual({
    accuracyAt1: 1 / 3,
    recallAt1: (0.5 + 0 + 0) / 3,
    recallAt5: 1,
    recallAt10: 1,
    mrrAt10: expect.closeTo((1 + 0.5 + 0.5) / 3, 12),
  });
});

test("semantic search finds the nearest, best first", async () => {
  const corpus = [
    [1, 0],
    [0, 2],
    [3, 3],
    [-1, 0],
  ];
  const [first, second] = await semanticSearch(
    [
      [2, 0.1],
      [0, 1],
    ],
    corpus,
    { topK: 2 },
  );
  expect(first.map(({ corpusId }) => corpusId)).toEqual([0, 2]);
  expect(second.map(({ score }) => score)).toEqual([1, expect.closeTo(Math.SQRT1_2, 6)]);
  const [dot] = await semanticSearch([[1, 1]], corpus, { topK: 1, scoreFunction: "dot" });
  expect(dot).toEqual([{ corpusId: 2, score: 6 }]);
  const message = async (...[queries, rows, options]: Parameters<typeof semanticSearch>) =>
    (await errorOf(() => semanticSearch(queries, rows, options))).message;
  expect(await message([], corpus)).toMatch(/queries must hold at least one vector, got none/);
  expect(await message([[1]], corpus)).toMatch(/corpus must hold vectors of 1 numbers, got 2/);
  expect(await message([[1, 2]], [[1, 2], [3]])).toMatch(/corpus\[1\] must have 2 numbers, got 1/);
  expect(await message([[1, 2]], corpus, { topK: 0 })).toMatch(/topK must be an integer from 1, got 0/);
  expect(await message([[1, 2]], corpus, { scoreFunction: "sine" as "dot" })).toMatch(
    /cosine or dot, got sine/,
  );
});

test("a corpus so large that queries go one by one", async () => {
  const corpus: number[][] = Array.from({ length: 140_000 }, () => [0, 3]);
  for (const [row, vector] of [
    [5, [2, 0]],
    [77_777, [-1, 0]],
    [139_999, [0, -9]],
  ] as const)
    corpus[row] = [...vector];
  await synchronize();
  const { liveHandles } = engineState();
  const queries = [
    [1, 0.1],
    [-4, -0.4],
    [0.01, -0.1],
  ];
  const found = await semanticSearch(queries, corpus, { topK: 2 });
  expect(found.map(([{ corpusId }]) => corpusId)).toEqual([5, 77_777, 139_999]);
  expect(found.map(([{ score }]) => score)).toEqual(
    new Array(3).fill(expect.closeTo(1 / Math.hypot(1, 0.1), 5)),
  );
  expect(engineState().liveHandles).toBe(liveHandles);
});

describe("rows", () => {
  const words = wordTokenizer("the card is lost where my cash".split(" "));
  const prepared = async (rows: object[], options = {}, purpose: "train" | "predict" = "train") => {
    const model = await tiny();
    const examples = await sentenceEmbeddings(options).prepare(rows, { ...contextOf(words, purpose), model });
    model.dispose();
    return examples;
  };
  const decoded = ({ choices = [] }: Example) => choices.map(({ inputIds }) => words.decode(inputIds!));

  test("pairs, negatives, groups, scores, other columns", async () => {
    const row = { anchor: "my card", positive: "the card", negative: "my cash" };
    const [one, list] = await prepared([row, { ...row, negative: ["cash", "where is my cash"] }]);
    expect(decoded(one)).toEqual(["[CLS] my card [SEP]", "[CLS] the card [SEP]", "[CLS] my cash [SEP]"]);
    expect([decoded(list).length, one.labels]).toEqual([4, undefined]);
    const groups = await prepared(
      ["a", "b", "a"].map((g) => ({ ...row, g })),
      { groupColumn: "g" },
    );
    expect(groups.map(({ labels }) => labels)).toEqual([0, 1, 0]);
    const scored = { sentence1: "my card", sentence2: "cash", score: "2.5" };
    const [example] = await prepared([scored], { loss: "cosineSimilarity", maxScore: 5 });
    expect([decoded(example).length, example.labels]).toEqual([2, 0.5]);
    const [cut] = await prepared([{ q: "where is my card", d: "lost" }], {
      ...{ firstColumn: "q", secondColumn: "d", maxLength: 4 },
    });
    expect(decoded(cut)[0]).toBe("[CLS] where is [SEP]");
    const [alone] = await prepared([{ anchor: "my card" }], {}, "predict");
    expect(decoded(alone)).toEqual(["[CLS] my card [SEP]"]);
  });

  const pair = { anchor: "my card", positive: "the card" };
  test.each([
    [{}, { positive: "x" }, 'row 1 column "anchor" must be a text, got undefined'],
    [
      {},
      { anchor: "my card", positive: " " },
      'row 1 column "positive" must be a text that is not empty, got " "',
    ],
    [
      {},
      { ...pair, negative: ["a", ""] },
      'column "negative" must be a text that is not empty, or a list of such',
    ],
    [{ groupColumn: "g" }, pair, 'row 1 column "g" must be a text or a number, got undefined'],
  ])("%j: %j is refused", async (options, row, message) => {
    const good = { ...pair, g: "x" };
    const error = await errorOf(() => prepared([good, row], options));
    expect(error).toEqual({ code: "ERR_DATA", message: expect.stringContaining(message) });
  });

  test("scores out of range, wrong options and models are refused", async () => {
    const scored = { sentence1: "my card", sentence2: "cash", score: 7 };
    expect(await errorOf(() => prepared([scored], { loss: "cosineSimilarity", maxScore: 5 }))).toEqual({
      code: "ERR_DATA",
      message: 'sentenceEmbeddings: row 0 column "score" must be a number from -5 to 5, got 7',
    });
    const message = async (options: object) => (await errorOf(() => sentenceEmbeddings(options))).message;
    expect(await message({ loss: "triplet" })).toMatch(
      /one of multipleNegativesRanking, cosineSimilarity, got "triplet"/,
    );
    expect(await message({ maxScore: 0 })).toMatch(/maxScore must be a number above 0, got 0/);
    expect(await message({ maxLength: 0 })).toMatch(/maxLength must be an integer from 1, got 0/);
    const model = await AutoModelForSequenceClassification.fromConfig(tinyConfig);
    const context = { ...contextOf(words, "train"), model };
    expect(await errorOf(() => sentenceEmbeddings().prepare([pair], context))).toEqual({
      code: "ERR_ARGUMENT",
      message: "sentenceEmbeddings: model must be a SentenceTransformer, got BertForSequenceClassification",
    });
    model.dispose();
  });
});
