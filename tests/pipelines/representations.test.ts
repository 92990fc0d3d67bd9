// Pipelines over hidden states and entailment: equal to Transformers 5.18.0; call forms, and what is refused.
import { expect, test } from "@jest/globals";
import {
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForSequenceClassification,
} from "../../src/models/index.js";
import { pipeline } from "../../src/pipelines/index.js";
import { noGrad } from "../../src/tensor/scope.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { apart, embeddingCase, embeddingFolder, embeddingTensors, joined } from "../embeddings/support.js";
import { labels, tinyConfig, tinyTokenizer } from "../training/support.js";

const { texts, calls } = embeddingCase.zero_shot;
const rows = embeddingCase.rows.map(([text]) => text);
const tokenizer = tinyTokenizer();

test("zero-shot classification: labels as the second argument or as an option, one text or a list", async () => {
  const judge = await pipeline("zero-shot-classification", embeddingFolder("nli"));
  for (const call of calls) {
    const { candidate_labels: candidateLabels, results } = call;
    const how = { multiLabel: call.multi_label, hypothesisTemplate: call.hypothesis_template };
    const found = await judge(texts, candidateLabels, how);
    found.forEach(({ scores, ...named }, i) => {
      const { scores: wanted, ...names } = results[i];
      expect([named, apart(scores, wanted) < 2e-5]).toEqual([names, true]);
    });
    expect(await judge(texts, { candidateLabels, ...how })).toEqual(found);
    expect(await judge(texts[0], candidateLabels, how)).toEqual({
      ...found[0],
      scores: found[0].scores.map((score) => expect.closeTo(score, 5)),
    });
  }
  judge.dispose();
});

test("zero-shot classification needs texts, labels, a place for them, and a model that knows entailment", async () => {
  const judge = await pipeline("zero-shot-classification", embeddingFolder("nli"));
  const refusal = async (work: () => Promise<unknown>) => {
    const { code, message } = await errorOf(work);
    expect(code).toBe("ERR_ARGUMENT");
    return message;
  };
  expect(await refusal(() => judge(["a man", " "], ["man"]))).toBe(
    'pipeline zero-shot-classification: input 1 must be a text that is not empty, got " "',
  );
  expect(await refusal(() => judge("a man"))).toMatch(
    /candidateLabels must be an array of texts, got undefined/,
  );
  expect(await refusal(() => judge("a man", " , "))).toMatch(/candidateLabels must hold at least one text/);
  expect(await refusal(() => judge("a man", ["man"], { hypothesisTemplate: "so" }))).toMatch(
    /hypothesisTemplate must hold {} for the label, got "so"/,
  );
  judge.dispose();
  const model = await AutoModelForSequenceClassification.fromConfig(tinyConfig, { labels });
  expect(await refusal(() => pipeline("zero-shot-classification", model, { tokenizer }))).toMatch(
    /one of which begins with entail, got card, cash, pin/,
  );
  const classify = await pipeline("text-classification", model, { tokenizer });
  expect(await refusal(() => classify("card", "card" as never))).toBe(
    "pipeline text-classification: options must be an object, got string",
  );
  model.dispose();
});

test("feature extraction: a vector for each token, or one for the text", async () => {
  const tensors = await embeddingTensors();
  const features = await pipeline("feature-extraction", embeddingFolder("pooled"));
  const first = (await features(rows[0], { layers: 0 })) as Float32Array[];
  expect(apart(joined(first), tensors.get("features.first_tokens")!.data)).toBeLessThan(2e-5);
  const means = (await features(rows, { pooling: "mean", batchSize: 3 })) as Float32Array[];
  expect(apart(joined(means), tensors.get("features.last_mean")!.data)).toBeLessThan(2e-5);
  const { ids } = features.tokenizer.encode(rows[1]);
  const { lastHiddenState } = noGrad(() =>
    features.model.forward(features.model.collate([{ inputIds: ids }])),
  );
  const [tokens] = (await features([rows[1]])) as Float32Array[][];
  expect(tokens.map(({ length }) => length)).toEqual(new Array(ids.length).fill(24));
  expect(apart(joined(tokens), (await lastHiddenState.data()) as Float32Array)).toBeLessThan(2e-6);
  expect(await errorOf(() => features("a man", { layers: 7 }))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'FeatureExtractor: layers must be "all" or integers from -3 to 2 (0: the embeddings), got 7',
  });
  expect(await errorOf(() => features(["a man", ""]))).toMatchObject({
    message: 'pipeline feature-extraction: input 1 must be a text that is not empty, got ""',
  });
  features.dispose();
});

test("features need no pooler, which a masked language model does not save", async () => {
  await inFolder(async (folder) => {
    const model = await AutoModelForMaskedLM.fromConfig(tinyConfig, { seed: 2 });
    await model.savePretrained(folder);
    await tokenizer.save(folder);
    model.dispose();
    const features = await pipeline("feature-extraction", folder);
    expect(features.model.loadReport.missing.length).toBeGreaterThan(0);
    expect(await features("the card", { pooling: "cls" })).toHaveLength(32);
    features.dispose();
  });
});

test("multiple choice: the best of each row's own number of choices", async () => {
  const model = await AutoModelForMultipleChoice.fromConfig(tinyConfig, { seed: 4 });
  const choose = await pipeline("multiple-choice", model, { tokenizer });
  const questions = [
    { context: "the card", question: "where is", choices: ["my cash", "the pin", "a fee"] },
    { context: "my app", choices: ["is new", "was stolen"] },
  ];
  const found = await choose(questions);
  expect(found.map(({ scores }) => scores.length)).toEqual([3, 2]);
  const choices = questions[0].choices.map((choice) => {
    const { ids, typeIds } = tokenizer.encode("the card", { pair: `where is ${choice}` });
    return { inputIds: ids, tokenTypeIds: typeIds };
  });
  const { logits } = noGrad(() => model.forward(model.collate([{ choices }])));
  const powers = Array.from((await logits.data()) as Float32Array, Math.exp);
  const best = powers.indexOf(Math.max(...powers));
  expect(found[0]).toMatchObject({
    choice: best,
    score: expect.closeTo(powers[best] / powers.reduce((sum, power) => sum + power, 0), 5),
  });
  expect(await choose(questions[1])).toMatchObject({ choice: found[1].choice });
  expect(await errorOf(() => choose([questions[0], { context: "a", choices: ["b"] }]))).toEqual({
    code: "ERR_ARGUMENT",
    message: "pipeline multiple-choice: input 1 must be one with at least two choices, got object",
  });
  expect(await errorOf(() => choose("a" as never))).toMatchObject({ code: "ERR_ARGUMENT" });
  model.dispose();
});
