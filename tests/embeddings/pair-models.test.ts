// Re-ranking equals CrossEncoder of Sentence-Transformers 6.0.1, zero-shot classification Transformers' pipeline.
import { expect, test } from "@jest/globals";
import { CrossEncoder, type ZeroShotCallOptions, ZeroShotClassifier } from "../../src/embeddings/index.js";
import { AutoModel, AutoModelForSequenceClassification } from "../../src/models/index.js";
import { textClassification } from "../../src/tasks/index.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { tinyConfig, tinyTokenizer, words } from "../training/support.js";
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
  const fill = (topic: string, i: number) =>
    `${words[(7 * i) % 4]} ${topic} ${words[(5 * i + 3) % words.length]}`;
  const train = topics.flatMap((query, q) =>
    topics.flatMap((topic, t) =>
      [0, 1, 2].map((i) => ({ text: query, pair: fill(topic, 3 * q + i), label: q === t ? 1 : 0 })),
    ),
  );
  const config = { ...tinyConfig, problem_type: "multi_label_classification" as const };
  const model = await AutoModelForSequenceClassification.fromConfig(config, {
    labels: ["relevant"],
    seed: 2,
  });
  const tokenizer = tinyTokenizer();
  const args = { epochs: 40, batchSize: 16, learningRate: 2e-3, seed: 3 };
  await new Trainer({ model, tokenizer, task: textClassification(), train, args }).train();
  const encoder = new CrossEncoder({ model, tokenizer });
  const first: number[] = [];
  for (const query of topics) {
    const ranked = await encoder.rank(
      query,
      topics.map((topic, i) => fill(topic, i)),
    );
    first.push(ranked[0].corpusId);
  }
  expect(first).toEqual([0, 1, 2, 3]);
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
