// Re-ranking equals CrossEncoder of Sentence-Transformers 6.0.1, zero-shot classification Transformers' pipeline.
import { expect, test } from "@jest/globals";
import { CrossEncoder, type ZeroShotCallOptions, ZeroShotClassifier } from "../../src/embeddings/index.js";
import { meanReciprocalRank } from "../../src/metrics/index.js";
import { AutoModel, AutoModelForSequenceClassification, type ModelConfig } from "../../src/models/index.js";
import { textClassification } from "../../src/tasks/index.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { labels, tinyConfig, tinyRows, tinyTokenizer, words } from "../training/support.js";
import { apart, embeddingCase, embeddingFolder, joined } from "./support.js";

const { cross, rows, zero_shot: zeroShot } = embeddingCase;
const documents = rows.map(([, b]) => b);

test("scores of pairs and ranks of documents", async () => {
  const encoder = await CrossEncoder.fromPretrained(embeddingFolder("ranker"));
  const pairs = rows.map(([a, b]) => [a, b] as const);
  expect(apart(joined(await encoder.predict(pairs)), cross.sigmoid)).toBeLessThan(2e-5);
  const identity = await encoder.predict(pairs, { activation: "identity", batchSize: 2 });
  expect(apart(joined(identity), cross.identity)).toBeLessThan(2e-5);
  const ranked = await encoder.rank(cross.query, documents, { returnDocuments: true });
  expect(ranked.map(({ corpusId, text }) => [corpusId, text])).toEqual(
    cross.rank.map(({ corpus_id, text }) => [corpus_id, text]),
  );
  expect(
    apart(
      ranked.map(({ score }) => score),
      cross.rank.map(({ score }) => score),
    ),
  ).toBeLessThan(2e-5);
  const [best, ...others] = await encoder.rank(cross.query, documents, { topK: 1 });
  expect([Object.keys(best), others]).toEqual([["corpusId", "score"], []]);
  const message = async (work: () => Promise<unknown>) => (await errorOf(work)).message;
  expect(await message(() => encoder.rank("", documents))).toMatch(
    /query\[0\] must be a text that is not empty/,
  );
  expect(await message(() => encoder.rank("a", []))).toMatch(
    /documents must hold at least one text, got none/,
  );
  expect(await message(() => encoder.rank("a", ["b"], { topK: 0 }))).toMatch(
    /topK must be at least 1, got 0/,
  );
  expect(await message(() => encoder.predict([["a"] as unknown as [string, string]]))).toMatch(
    /must be two texts/,
  );
  encoder.dispose();
  const nli = await CrossEncoder.fromPretrained(embeddingFolder("nli"));
  expect(nli.activation).toBe("identity");
  const [row] = await nli.predict([["a man", "a horse"]], { activation: "softmax" });
  expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
  expect(await errorOf(() => nli.rank("a", ["b"]))).toEqual({
    code: "ERR_ARGUMENT",
    message: "CrossEncoder: rank() needs a model with one output, got 3",
  });
  nli.dispose();
  const model = await AutoModel.fromConfig(tinyConfig);
  expect(await errorOf(() => new CrossEncoder({ model, tokenizer: tinyTokenizer() }))).toMatchObject({
    code: "ERR_ARGUMENT",
    message: "CrossEncoder: model must be one for sequence classification, got BertModel",
  });
  model.dispose();
});

test("a cross-encoder learns which documents answer a query", async () => {
  const topics = ["card", "cash", "pin", "app"];
  const others = words.filter((word) => !topics.includes(word));
  const about = (topic: string, i: number) =>
    `${others[(7 * i) % others.length]} ${topic} ${others[(5 * i + 3) % others.length]}`;
  const train = topics.flatMap((text, q) =>
    topics.flatMap((topic, t) =>
      Array.from({ length: 8 }, (_, i) => {
        return { text, pair: about(topic, 8 * (4 * q + t) + i), label: q === t ? 1 : 0 };
      }),
    ),
  );
  const config: ModelConfig = {
    ...{ ...tinyConfig, problem_type: "multi_label_classification" },
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  };
  const model = await AutoModelForSequenceClassification.fromConfig(config, {
    labels: ["relevant"],
    seed: 2,
  });
  const tokenizer = tinyTokenizer();
  const args = { epochs: 60, batchSize: 16, learningRate: 3e-3, warmupRatio: 0.1, seed: 3 };
  await new Trainer({ model, tokenizer, task: textClassification(), train, args }).train();
  const encoder = new CrossEncoder({ model, tokenizer });
  const ranked: number[][] = [];
  for (let i = 0; i < 20; i++) {
    const documents = topics.map((topic) => about(topic, 200 + i));
    ranked.push((await encoder.rank(topics[i % 4], documents)).map(({ corpusId }) => corpusId));
  }
  const right = ranked.map((_, i) => [i % 4]);
  expect(meanReciprocalRank(ranked, right)).toBeGreaterThan(0.95);
  encoder.dispose();
}, 60_000);

test.each(zeroShot.calls)("zero-shot classification: %#", async (call) => {
  const classifier = await ZeroShotClassifier.fromPretrained(embeddingFolder("nli"));
  const { candidate_labels: labels, multi_label: multiLabel, hypothesis_template: hypothesisTemplate } = call;
  const results = await classifier.classify(zeroShot.texts, labels, { multiLabel, hypothesisTemplate });
  results.forEach(({ sequence, labels: names, scores }, i) => {
    const wanted = call.results[i];
    expect([sequence, names]).toEqual([wanted.sequence, wanted.labels]);
    expect(apart(scores, wanted.scores)).toBeLessThan(2e-5);
  });
  expect(await classifier.classify(zeroShot.texts[0], labels, { multiLabel, hypothesisTemplate })).toEqual({
    ...results[0],
    scores: expect.any(Array),
  });
  classifier.dispose();
});

test("a model that has learnt entailment gives new texts their labels", async () => {
  const tokenizer = tinyTokenizer();
  const judged = (count: number, seed: number) =>
    tinyRows(count, seed).flatMap(({ text, label: topic }) =>
      labels.map((label) => ({
        ...{ text, pair: `the ${label}` },
        label: label === topic ? "entailment" : "contradiction",
      })),
    );
  const head = { labels: ["contradiction", "entailment"], seed: 2 };
  const config = { ...tinyConfig, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const model = await AutoModelForSequenceClassification.fromConfig(config, head);
  const args = { epochs: 16, batchSize: 32, learningRate: 3e-3, warmupRatio: 0.1, seed: 3 };
  await new Trainer({ model, tokenizer, task: textClassification(), train: judged(200, 1), args }).train();
  const classifier = new ZeroShotClassifier({ model, tokenizer });
  const rows = tinyRows(60, 9);
  const options = { hypothesisTemplate: "the {}" };
  const results = await classifier.classify(
    rows.map(({ text }) => text),
    labels,
    options,
  );
  const right = results.filter((result, i) => result.labels[0] === rows[i].label).length;
  expect(right / rows.length).toBeGreaterThan(0.9);
  classifier.dispose();
}, 60_000);

test("what cannot be classified without training is refused", async () => {
  const model = await AutoModelForSequenceClassification.fromPretrained(embeddingFolder("ranker"), {
    labels: ["yes"],
  });
  expect(await errorOf(() => new ZeroShotClassifier({ model, tokenizer: tinyTokenizer() }))).toEqual({
    code: "ERR_ARGUMENT",
    message:
      "ZeroShotClassifier: model must have two labels or more, one of which begins with entail, got yes",
  });
  model.dispose();
  const classifier = await ZeroShotClassifier.fromPretrained(embeddingFolder("nli"));
  const message = async (text: string, labels: string | string[], options: ZeroShotCallOptions = {}) =>
    (await errorOf(() => classifier.classify(text, labels, options))).message;
  expect(await message("", ["a"])).toMatch(/sequences\[0\] must be a text that is not empty, got ""/);
  expect(await message("a", [])).toMatch(/candidateLabels must hold at least one text, got none/);
  expect(await message("a", " , ")).toMatch(/candidateLabels must hold at least one text, got none/);
  expect(await message("a", ["b"], { hypothesisTemplate: "It is so." })).toMatch(
    /must hold \{\} for the label/,
  );
  classifier.dispose();
});
