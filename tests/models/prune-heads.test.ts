// A pruned model is the one whose heads' outputs are 0; it learns, is saved and loaded, pruned again.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  AutoModel,
  AutoModelForNextSentencePrediction,
  addLora,
  type Model,
  type PrunedHeads,
  pruneHeads,
  Trainer,
} from "../../src/index.js";
import { noGrad } from "../../src/tensor/scope.js";
import { autoClassOf } from "../support/auto-classes.js";
import { encoderOutputsOf, examplesOf, modelCase, modelFolder } from "../support/model-fixtures.js";
import { expectClose, expectCode, expectSameBits } from "../support/ops.js";
import { tinyModel, tinyRows, tinyTokenizer } from "../training/support.js";

const base = "bert-next-sentence"; // like all here of 2 layers, 3 heads, 8 columns a head
const load = () => AutoModelForNextSentencePrediction.fromPretrained(modelFolder(base));

/** The heads' columns of attention's output layer become 0. */
async function mask(model: Model, layers: string, output: string, heads: PrunedHeads, headSize: number) {
  for (const [layer, list] of Object.entries(heads)) {
    const weight = model.parameters().get(`${layers}.${layer}.${output}.weight`)!;
    const [rows, columns] = weight.shape;
    const data = (await weight.data()) as Float32Array;
    for (let row = 0; row < rows; row++) {
      for (const head of list)
        data.fill(0, row * columns + head * headSize, row * columns + (head + 1) * headSize);
    }
    weight.set(data);
  }
}

async function results(model: Model, name: string) {
  const output = model.forward(model.collate(examplesOf(await modelCase(name))));
  output.loss!.backward();
  const kept = [...model.parameters()].filter(
    ([parameter, { grad }]) => grad && !/attention|q_lin|k_lin|v_lin|out_lin/.test(parameter),
  );
  const gradients = await Promise.all(kept.map(async ([, { grad }]) => (await grad!.data()) as Float32Array));
  return { loss: await output.loss!.data(), gradients };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-prune-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const families: [string, string, string, string, number][] = [
  [base, "bert.encoder.layer", "attention.output.dense", "BERT", 8],
  [
    "bert-relative-key-query-masked-lm",
    "bert.encoder.layer",
    "attention.output.dense",
    "relative positions",
    8,
  ],
  ["roberta-token", "roberta.encoder.layer", "attention.output.dense", "RoBERTa", 8],
  ["distilbert-token", "distilbert.transformer.layer", "attention.out_lin", "DistilBERT", 8],
];
test.each(families)(
  "%s: loss and gradients are those of the masked model",
  async (name, layers, output, _, size) => {
    const heads = { 0: [1], 1: [0, 2] };
    const auto = autoClassOf(name);
    const [masked, whole] = [
      await auto.fromPretrained(modelFolder(name)),
      await auto.fromPretrained(modelFolder(name)),
    ];
    await mask(masked, layers, output, heads, size);
    const pruned = pruneHeads(whole, heads);
    const [wanted, found] = [await results(masked, name), await results(pruned, name)];
    expectClose(found.loss, Array.from(wanted.loss), 2e-6, "loss");
    found.gradients.forEach((gradient, i) => {
      expectClose(gradient, Array.from(wanted.gradients[i]), 2e-5, `gradient ${i}`);
    });
    const count = (model: Model) =>
      [...model.parameters().values()].reduce((sum, { size: one }) => sum + one, 0);
    expect(count(pruned)).toBeLessThan(count(whole));
    for (const model of [masked, whole, pruned]) model.dispose();
  },
);

test("a decoder keeps all heads of its look at an encoder's output", async () => {
  const c = await modelCase("bert-causal-lm-cross");
  const auto = autoClassOf("bert-causal-lm-cross");
  const [masked, whole] = [await auto.fromPretrained(c.folder), await auto.fromPretrained(c.folder)];
  await mask(masked, "bert.encoder.layer", "attention.output.dense", { 0: [1] }, 8);
  const pruned = pruneHeads(whole, { 0: [1] });
  const logits = (model: Model) =>
    noGrad(() =>
      model.forward(model.collate(examplesOf(c)), { encoderOutputs: encoderOutputsOf(c) }),
    ).logits.data();
  expectClose(await logits(pruned), Array.from(await logits(masked)), 2e-6, "logits");
  for (const model of [masked, whole, pruned]) model.dispose();
});

describe("a pruned model", () => {
  test("is saved and loaded by its config, and pruned again by the old numbers", async () => {
    const [whole, masked] = [await load(), await load()];
    await mask(masked, "bert.encoder.layer", "attention.output.dense", { 0: [0, 1], 1: [2] }, 8);
    const once = pruneHeads(whole, { 0: [1] });
    const twice = pruneHeads(once, { 0: [0, 1], 1: [2] });
    expect(twice.config.pruned_heads).toEqual({ 0: [0, 1], 1: [2] });
    await twice.savePretrained(folder);
    const written = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    expect(written.pruned_heads).toEqual({ 0: [0, 1], 1: [2] });
    const loaded = await AutoModelForNextSentencePrediction.fromPretrained(folder);
    expect(loaded.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    const logits = (model: Model) =>
      noGrad(() => model.forward(model.collate([{ inputIds: [5, 6, 7, 8, 9, 10] }]))).logits.data();
    expectSameBits(await logits(loaded), await logits(twice), "loaded");
    expectClose(await logits(twice), Array.from(await logits(masked)), 2e-6, "masked");
    for (const model of [whole, masked, once, twice, loaded]) model.dispose();
  });

  test("gives the attention of the heads that are left, keeps what is frozen, and learns", async () => {
    const whole = await tinyModel();
    whole.freeze({ embeddings: true });
    const pruned = pruneHeads(whole, { 1: [0] });
    const frozen = [...pruned.parameters()]
      .filter(([, { requiresGrad }]) => !requiresGrad)
      .map(([name]) => name);
    expect(frozen.every((name) => name.includes(".embeddings.")) && frozen.length).toBe(5);
    pruned.unfreeze({ embeddings: true });
    const { attentions } = noGrad(() =>
      pruned.forward(pruned.collate([{ inputIds: [2, 3, 4] }]), { attentions: true }),
    );
    expect(attentions!.map(([first]) => first.shape)).toEqual([
      [2, 3, 3],
      [1, 3, 3],
    ]);
    const args = { epochs: 8, learningRate: 3e-3, batchSize: 16, seed: 5 };
    const rows = { train: tinyRows(200), eval: tinyRows(60, 9) };
    const { metrics } = await new Trainer({
      model: pruned,
      tokenizer: tinyTokenizer(),
      ...rows,
      args,
    }).train();
    expect(metrics!.accuracy).toBeGreaterThan(0.9);
    whole.dispose();
    pruned.dispose();
  });

  test("misuse", async () => {
    const model = await load();
    const refuse = (heads: unknown, message: string) =>
      expectCode(() => pruneHeads(model, heads as PrunedHeads), "ERR_ARGUMENT", message);
    refuse({ 2: [0] }, "pruneHeads: heads must be lists of heads below 3 by layers below 2");
    refuse({ 0: [3] }, "heads must be lists of heads below 3");
    refuse({ 0: [0, 1, 2] }, "heads must leave layer 0 a head, got all");
    refuse({ 0: 1 }, "heads must be lists by layer");
    refuse(null, "heads must be lists by layer, got null");
    addLora(model);
    refuse({ 0: [0] }, "model must have no adapter, got one");
    model.dispose();
    const albert = await AutoModel.fromPretrained(modelFolder("albert-model"));
    expectCode(() => pruneHeads(albert, { 0: [0] }), "ERR_ARGUMENT", "heads must be empty for this family");
    albert.dispose();
    const int8 = await AutoModelForNextSentencePrediction.fromPretrained(modelFolder(base), {
      dtype: "int8",
    });
    expectCode(() => pruneHeads(int8, { 0: [0] }), "ERR_DTYPE", "needs weights in f32, got int8");
    int8.dispose();
  });
});
