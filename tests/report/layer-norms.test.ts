// The gradient's norm by layer: names of layers, numbers against the gradients themselves, and a run that is not changed.
import { expect, test } from "@jest/globals";
import { type TrainEvent, Trainer, type TrainingArgs } from "../../src/training/index.js";
import { layerNameOf } from "../../src/training/layer-norms.js";
import { tinyModel, tinyRows, tinyTokenizer, withModel } from "../training/support.js";

test.each([
  ["bert.encoder.layer.11.attention.self.query.weight", "encoder.layer.11"],
  ["encoder.layer.0.output.dense.bias", "encoder.layer.0"],
  ["distilbert.transformer.layer.2.ffn.lin1.weight", "transformer.layer.2"],
  ["albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight", "encoder.albert_layer_groups.0"],
  ["transformer.h.3.mlp.c_fc.weight", "h.3"],
  ["decoder.block.1.layer.0.SelfAttention.q.weight", "decoder.block.1"],
  ["model.encoder.layers.0.fc1.weight", "encoder.layers.0"],
  ["bert.embeddings.word_embeddings.weight", "embeddings"],
  ["transformer.wte.weight", "embeddings"],
  ["shared.weight", "embeddings"],
  ["bert.pooler.dense.weight", "pooler"],
  ["cls.predictions.transform.dense.weight", "cls"],
  ["classifier.weight", "classifier"],
])("%s belongs to %s", (name, layer) => {
  expect(layerNameOf(name)).toBe(layer);
});

async function events(args: TrainingArgs): Promise<{ events: TrainEvent[]; weights: Float32Array }> {
  return withModel(async (model) => {
    const trainer = new Trainer({ model, tokenizer: tinyTokenizer(), train: tinyRows(40), args });
    const events: TrainEvent[] = [];
    for await (const event of trainer.run()) events.push(event);
    const classifier = model.parameters().get("classifier.weight")!;
    return { events, weights: (await classifier.data()) as Float32Array };
  });
}

test("steps that are logged have them, others not, and the weights are those of a run without", async () => {
  const args = { maxSteps: 6, batchSize: 8, logEvery: 3, seed: 5 };
  const { events: told, weights } = await events({ ...args, logLayerNorms: true });
  const plain = await events(args);
  expect(weights).toEqual(plain.weights);
  const withNorms = told.filter(({ layerNorms }) => layerNorms !== undefined);
  expect(withNorms.map(({ type, step }) => `${type} ${step}`)).toEqual([
    "step 3",
    "log 3",
    "step 6",
    "log 6",
  ]);
  for (const { layerNorms, gradNorm } of withNorms) {
    expect(Object.keys(layerNorms!)).toEqual([
      "embeddings",
      "encoder.layer.0",
      "encoder.layer.1",
      "pooler",
      "classifier",
    ]);
    const squares = Object.values(layerNorms!).reduce((sum, norm) => sum + norm ** 2, 0);
    expect(Math.sqrt(squares) / gradNorm).toBeCloseTo(1, 5);
  }
});

test("they are the norms of the gradients before clipping", async () => {
  const rows = tinyRows(8);
  const noDropout = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const model = await tinyModel(noDropout);
  const tokenizer = tinyTokenizer();
  const labels = ["card", "cash", "pin"];
  const examples = rows.map(({ text, label }) => ({
    inputIds: tokenizer.encode(text).ids,
    labels: labels.indexOf(label),
  }));
  model.forward(model.collate(examples)).loss!.backward();
  const expected: Record<string, number> = {};
  for (const [name, { grad }] of model.parameters()) {
    if (!grad) continue;
    const values = (await grad.data()) as Float32Array;
    expected[layerNameOf(name)] = values.reduce(
      (sum, value) => sum + value ** 2,
      expected[layerNameOf(name)] ?? 0,
    );
  }
  model.dispose();
  const same = await tinyModel(noDropout);
  const args = {
    maxSteps: 1,
    batchSize: 8,
    shuffle: false,
    logEvery: 1,
    logLayerNorms: true,
    maxGradNorm: 1e-3,
  };
  const trainer = new Trainer({ model: same, tokenizer, train: rows, args });
  let found: Record<string, number> | undefined;
  for await (const event of trainer.run()) if (event.type === "step") found = event.layerNorms;
  for (const [layer, squares] of Object.entries(expected))
    expect(found![layer] / Math.sqrt(squares)).toBeCloseTo(1, 5);
  same.dispose();
});

test("they need a number of steps between logs", async () => {
  await withModel(async (model) => {
    const parts = { model, tokenizer: tinyTokenizer(), train: tinyRows(4) };
    expect(() => new Trainer({ ...parts, args: { logLayerNorms: true, logEvery: "epoch" } })).toThrow(
      "logLayerNorms must be false unless logEvery is a number of steps, got true",
    );
  });
});
