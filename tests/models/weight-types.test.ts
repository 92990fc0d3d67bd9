// Models loaded with bf16 and int8 weights: near the f32 model, smaller, for inference only.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AutoModel, AutoModelForSequenceClassification } from "../../src/models/index.js";
import type { Model } from "../../src/models/model.js";
import { memory, synchronize } from "../../src/tensor/device.js";
import { noGrad } from "../../src/tensor/scope.js";
import { expectCode, expectCodeAsync, onCuda } from "../support/ops.js";

const config = {
  model_type: "bert",
  vocab_size: 500,
  hidden_size: 128,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 512,
  max_position_embeddings: 64,
  initializer_range: 0.08,
};
const examples = [9, 1, 30, 4].map((length, b) => ({
  inputIds: Int32Array.from({ length }, (_, i) => (b * 131 + i * 37) % 500),
}));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "athanor-weights-"));
  const model = await AutoModelForSequenceClassification.fromConfig(config, { labels: ["a", "b"], seed: 4 });
  await model.savePretrained(join(folder, "f32"));
  model.dispose();
});
afterAll(() => rm(folder, { recursive: true }));

async function hidden(model: Model): Promise<Float32Array> {
  return (await noGrad(() => model.forward(model.collate(examples))).lastHiddenState.data()) as Float32Array;
}

/** Root mean square of the difference, relative to that of the expected values. */
function distance(actual: Float32Array, expected: Float32Array): number {
  const squares = (x: Float32Array) => x.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(squares(actual.map((v, i) => v - expected[i])) / squares(expected));
}

describe.each([
  // bf16 keeps 8 bits of each weight: half a step is 2^-9 of it; int8 rounds weights and activations.
  // On a GPU bf16 is the type of everything, activations too.
  { dtype: "bf16" as const, most: onCuda() ? 0.012 : 0.006 },
  { dtype: "int8" as const, most: 0.03 },
])("$dtype", ({ dtype, most }) => {
  test("hidden states are near those of f32, and the same each time", async () => {
    const full = await AutoModel.fromPretrained(join(folder, "f32"));
    const reduced = await AutoModel.fromPretrained(join(folder, "f32"), { dtype });
    const [expected, actual] = [await hidden(full), await hidden(reduced)];
    const off = distance(actual, expected);
    expect(off).toBeLessThan(most);
    expect(off).toBeGreaterThan(most / 30); // otherwise nothing was rounded
    expect(await hidden(reduced)).toEqual(actual);
    full.dispose();
    reduced.dispose();
  });

  test("weights of products are smaller, the rest is f32; nothing asks for gradients", async () => {
    await synchronize();
    const before = memory().live;
    const model = await AutoModelForSequenceClassification.fromPretrained(join(folder, "f32"), { dtype });
    const batch = model.collate(examples);
    for (let i = 0; i < 2; i++) await noGrad(() => model.forward(batch)).logits.data();
    await synchronize();
    const parameters = [...model.parameters()];
    const types = new Map(parameters.map(([name, t]) => [name, t.dtype]));
    const stored = dtype === "int8" ? "i8" : "bf16";
    expect(types.get("bert.encoder.layer.2.attention.self.key.weight")).toBe(stored);
    expect(types.get("bert.encoder.layer.0.output.dense.weight")).toBe(stored);
    expect(types.get("bert.pooler.dense.weight")).toBe(stored);
    const other = onCuda() && dtype === "bf16" ? "bf16" : "f32";
    expect(types.get("bert.embeddings.word_embeddings.weight")).toBe(other);
    expect(types.get("bert.encoder.layer.0.output.dense.bias")).toBe(other);
    expect(types.get("classifier.weight")).toBe(other);
    expect(parameters.filter(([, t]) => t.requiresGrad)).toEqual([]);
    const size = { f32: 4, bf16: 2, i8: 1, i32: 4, u8: 1 };
    const needed = parameters.reduce(
      (sum, [, t]) => sum + t.shape.reduce((n, d) => n * d, 1) * size[t.dtype],
      0,
    );
    expect(memory().live - before).toBeLessThan(1.3 * needed);
    model.dispose();
  });

  test("cannot be trained", async () => {
    const model = await AutoModel.fromPretrained(join(folder, "f32"), { dtype });
    expect(model.dtype).toBe(dtype);
    expectCode(() => model.train(), "ERR_DTYPE", `train: needs weights in f32, got ${dtype}`);
    model.dispose();
  });
});

test("bf16 is saved as it is and loads back to the same bits; int8 is not saved", async () => {
  const model = await AutoModel.fromPretrained(join(folder, "f32"), { dtype: "bf16" });
  await model.savePretrained(join(folder, "bf16"));
  const again = await AutoModel.fromPretrained(join(folder, "bf16"), { dtype: "bf16" });
  expect(await hidden(again)).toEqual(await hidden(model));
  const int8 = await AutoModel.fromPretrained(join(folder, "f32"), { dtype: "int8" });
  await expectCodeAsync(
    int8.savePretrained(join(folder, "int8")),
    "ERR_DTYPE",
    /needs weights in f32 or bf16, got int8/,
  );
  for (const m of [model, again, int8]) m.dispose();
});
