// Features of a frozen encoder equal those of Transformers; the learned mix of layers equals PyTorch, gradients too, and
// learns while the encoder stays as it is.
import { expect, test } from "@jest/globals";
import {
  FeatureClassifier,
  FeatureExtractor,
  type FeatureExtractorOptions,
} from "../../src/embeddings/index.js";
import { AutoModel } from "../../src/models/index.js";
import { textClassification } from "../../src/tasks/index.js";
import { AutoTokenizer } from "../../src/tokenizers/index.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { modelFolder } from "../support/model-fixtures.js";
import { wordTokenizer } from "../tasks/language-support.js";
import { bitsOf, labels, tinyConfig, tinyRows, tinyTokenizer } from "../training/support.js";
import {
  apart,
  embeddingCase,
  embeddingFolder,
  embeddingTensors,
  expectGradients,
  joined,
} from "./support.js";

const folder = embeddingFolder("pooled");
const texts = embeddingCase.rows.map(([a]) => a);

test.each<[string, Partial<FeatureExtractorOptions>]>([
  ["last_mean", {}],
  ["concat_max", { layers: [-2, -1], pooling: "max" }],
  ["sum_cls", { layers: "all", combine: "sum", pooling: "cls" }],
  ["average_mean", { layers: [0, 1, 2], combine: "mean" }],
])("%s", async (name, options) => {
  const wanted = (await embeddingTensors()).get(`features.${name}`)!;
  const model = await AutoModel.fromPretrained(folder);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const extractor = new FeatureExtractor({ model, tokenizer, batchSize: 4, ...options });
  expect(extractor.width).toBe(wanted.shape[1]);
  const features = await extractor.extract(texts);
  expect(features[0]).toBeInstanceOf(Float32Array);
  expect(apart(joined(features), wanted.data)).toBeLessThan(2e-5);
  model.dispose();
});

test("without pooling each text has a vector per token", async () => {
  const wanted = (await embeddingTensors()).get("features.first_tokens")!;
  const model = await AutoModel.fromPretrained(folder);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const extractor = new FeatureExtractor({ model, tokenizer, layers: 0, pooling: "none" });
  const [first, second] = await extractor.extract(texts.slice(0, 2));
  expect(apart(first, wanted.data)).toBeLessThan(2e-5);
  expect(second.length).toBe(24 * tokenizer.encode(texts[1]).ids.length);
  model.dispose();
});

test.each(["albert-model", "distilbert-model", "electra-model", "roberta-model", "gpt2-lm"])(
  "all layers of %s",
  async (name) => {
    const model = await AutoModel.fromPretrained(modelFolder(name));
    const tokenizer = wordTokenizer(["a", "b", "c"]);
    const extractor = new FeatureExtractor({ model, tokenizer, layers: "all" });
    const [all] = await extractor.extract(["a b c a"]);
    const last = new FeatureExtractor({ model, tokenizer, layers: -1 });
    expect(all.length).toBe(extractor.width);
    expect(all.slice(-last.width)).toEqual((await last.extract(["a b c a"]))[0]);
    model.dispose();
  },
);

test("a learned mix of layers: logits, loss and gradients", async () => {
  const tensors = await embeddingTensors();
  const names = ["a", "b", "c"];
  const model = await FeatureClassifier.fromPretrained(folder, { labels: names });
  const learnt = ["mix.scalar_parameters", "mix.gamma", "classifier.weight", "classifier.bias"];
  expect(model.loadReport.missing.sort()).toEqual([...learnt].sort());
  for (const name of learnt)
    model
      .parameters()
      .get(name)!
      .set(tensors.get(`mix.value.${name}`)!.data);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const examples = texts.map((text, i) => ({
    inputIds: tokenizer.encode(text).ids,
    labels: embeddingCase.mix.labels[i],
  }));
  const { logits, loss } = model.train().forward(model.collate(examples));
  expect(apart((await logits.data()) as Float32Array, tensors.get("mix.logits")!.data)).toBeLessThan(2e-5);
  expect(Math.abs((await loss!.item()) - embeddingCase.mix.loss)).toBeLessThan(2e-5);
  loss!.backward();
  expect(expectGradients(model.parameters(), tensors, (name) => `mix.grad.${name}`, 2e-5)).toBe(4);
  const weights = (await model.layerWeights())!;
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  model.dispose();
});

test("it learns, the encoder stays bit-equal, and it loads as it was saved", async () => {
  const options = { labels, seed: 4, combine: "mix", pooling: ["mean", "max"] } as const;
  const model = await FeatureClassifier.fromConfig(tinyConfig, options);
  const frozen = () =>
    bitsOf(new Map([...model.parameters()].filter(([name]) => !/^(mix|classifier)/.test(name))));
  const before = await frozen();
  const train = tinyRows(256);
  const tokenizer = tinyTokenizer();
  const args = { epochs: 15, batchSize: 16, learningRate: 3e-2, seed: 1 };
  const trainer = new Trainer({
    model,
    tokenizer,
    task: textClassification(),
    train,
    eval: tinyRows(64, 7),
    args,
  });
  const { accuracy: untrained } = await trainer.evaluate();
  await trainer.train();
  const { accuracy } = await trainer.evaluate();
  expect(untrained).toBeLessThan(0.6);
  expect(accuracy).toBeGreaterThan(0.9);
  expect(await frozen()).toEqual(before);
  expect(Array.from((await model.layerWeights())!)).not.toEqual(new Array(3).fill(1 / 3));
  await inFolder(async (saved) => {
    await model.savePretrained(saved);
    const again = await FeatureClassifier.fromPretrained(saved);
    expect(again.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    const other = new Trainer({ model: again, tokenizer, task: textClassification() });
    expect((await other.evaluate(tinyRows(64, 7))).accuracy).toBe(accuracy);
    again.dispose();
  });
  model.dispose();
}, 60_000);

test.each(["bart-conditional", "t5-relu-tied"])("%s has two stacks of layers: refused", async (name) => {
  const model = await AutoModel.fromPretrained(modelFolder(name));
  const tokenizer = wordTokenizer(["a", "b", "c"]);
  const refused = {
    code: "ERR_ARGUMENT",
    message: expect.stringMatching(/must be an encoder or a decoder, not both/),
  };
  expect(await errorOf(() => new FeatureExtractor({ model, tokenizer }))).toEqual(refused);
  model.dispose();
  expect(await errorOf(() => FeatureClassifier.fromPretrained(modelFolder(name), { labels }))).toEqual(
    refused,
  );
});

test("wrong options are refused", async () => {
  const model = await AutoModel.fromConfig(tinyConfig);
  const tokenizer = tinyTokenizer();
  const message = async (options: object) =>
    (await errorOf(() => new FeatureExtractor({ model, tokenizer, ...options }))).message;
  expect(await errorOf(() => new FeatureExtractor({ model, tokenizer, layers: 3 }))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'FeatureExtractor: layers must be "all" or integers from -3 to 2 (0: the embeddings), got 3',
  });
  expect(await message({ layers: [] })).toMatch(/one or more, each once, got none/);
  expect(await message({ layers: [2, -1] })).toMatch(/one or more, each once, got \[2,-1\]/);
  expect(await message({ pooling: "median" })).toMatch(/pooling must be one or more of cls, max, mean,/);
  expect(await message({ combine: "product" })).toMatch(
    /combine must be one of concat, sum, mean, mix, got product/,
  );
  expect(await message({ combine: "mix" })).toMatch(
    /combine must be concat, sum or mean \(a mix is learned\)/,
  );
  expect(await errorOf(() => new FeatureExtractor({ model, tokenizer }).extract(["a", ""]))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'FeatureExtractor: texts[1] must be a text that is not empty, got ""',
  });
  model.dispose();
  expect((await errorOf(() => FeatureClassifier.fromConfig(tinyConfig, { layers: 9 }))).message).toMatch(
    /^FeatureClassifier: layers must be/,
  );
});
