// Steps whose loss or gradients are NaN or infinite: nothing changes, and the error says where.
import { expect, test } from "@jest/globals";
import { AutoModelForTokenClassification, type Example, type Model } from "../../src/models/index.js";
import { ready } from "../../src/tensor/device.js";
import { type TrainEvent, Trainer, type TrainingArgs } from "../../src/training/index.js";
import { bitsOf, labels, tinyConfig, tinyExamples, withModel } from "./support.js";

const prepare = (row: object) => row as Example;

async function failureOf(model: Model, train: Example[], args: TrainingArgs) {
  let steps = 0;
  const callbacks = [({ type }: { type: string }) => void (type === "step" && steps++)];
  const trainer = new Trainer({ model, train, prepare, args: { learningRate: 1e-3, ...args }, callbacks });
  const error = await trainer.train().then(
    () => undefined,
    (caught) => caught,
  );
  return { error, steps };
}

/** Multiplies one parameter. */
async function scale(model: Model, name: string, factor: number): Promise<void> {
  const parameter = model.parameters().get(name)!;
  const values = (await parameter.data()) as Float32Array;
  parameter.set(values.map((value) => value * factor));
}

const regression = { problem_type: "regression", id2label: { 0: "x" }, label2id: { x: 0 } };
const numbers = (count: number) => tinyExamples(count).map((example, i) => ({ ...example, labels: i % 3 }));

test.each([1, 2])("a loss that overflows, in steps of %d batches", async (gradientAccumulation) => {
  const args = { batchSize: 2, gradientAccumulation, shuffle: false, epochs: 1 };
  const bad = 3 * 2 * gradientAccumulation + 1; // in the fourth step
  const before = await withModel(async (model) => {
    await new Trainer({
      model,
      train: numbers(40),
      prepare,
      args: { learningRate: 1e-3, ...args, maxSteps: 3 },
    }).train();
    return bitsOf(model.parameters());
  }, regression);
  await withModel(async (model) => {
    const train = numbers(40);
    train[bad].labels = 1e30;
    const schedule = (step: number) => Math.max(0, (3 - step) / 3); // as that of the run of three steps
    const { error, steps } = await failureOf(model, train, { ...args, schedule });
    expect(error).toMatchObject({ code: "ERR_DATA", cause: { step: 4, place: "the loss" } });
    expect(error.message).toMatch(/step 4: loss and gradients must be finite, got a loss of Infinity/);
    expect(error.cause.rows).toContain(bad);
    expect(error.cause.rows).toHaveLength(2 * gradientAccumulation);
    expect(steps).toBe(3);
    expect(await bitsOf(model.parameters())).toEqual(before);
    await ready();
    expect([...model.parameters().values()].every(({ grad }) => grad === null)).toBe(true);
    // Without that row training goes on.
    const { error: none } = await failureOf(model, numbers(8), args);
    expect(none).toBeUndefined();
  }, regression);
});

test.each([
  ["embeddings.LayerNorm.weight", 3e38, "the embeddings"],
  ["encoder.layer.0.output.LayerNorm.weight", 3e38, "encoder layer 0"],
  ["encoder.layer.1.output.LayerNorm.weight", 3e38, "encoder layer 1"],
  ["classifier.weight", 1e42, "the parameter classifier.weight, before this step"],
  ["pooler.dense.bias", Number.NaN, "the parameter bert.pooler.dense.bias, before this step"],
])("%s times %d: first in %s", async (name, factor, place) => {
  await withModel(async (model) => {
    const full = name === "classifier.weight" ? name : `bert.${name}`;
    await scale(model, full, factor);
    const before = await bitsOf(model.parameters());
    const { error } = await failureOf(model, tinyExamples(8), { batchSize: 4 });
    expect(error).toMatchObject({ code: "ERR_DATA", cause: { step: 1, place } });
    expect(await bitsOf(model.parameters())).toEqual(before);
  });
});

test("gradients alone: in the layer nearest to the loss, and without clipping", async () => {
  const model = await AutoModelForTokenClassification.fromConfig(tinyConfig, { labels });
  // Logits and loss stay finite; a gradient of 1e34 at a norm over values of 1e-5 does not.
  await scale(model, "classifier.weight", 1e35);
  for (const part of ["attention.output.LayerNorm", "output.dense"]) {
    await scale(model, `bert.encoder.layer.1.${part}.weight`, 1e-6);
  }
  const before = await bitsOf(model.parameters());
  const train = tinyExamples(4).map(({ inputIds }) => ({
    inputIds,
    labels: Array.from(inputIds!, (_, t) => t % 3),
  }));
  const { error } = await failureOf(model, train, { batchSize: 4, maxGradNorm: Number.POSITIVE_INFINITY });
  const place = expect.stringMatching(
    /^the gradient of bert\.encoder\.layer\.1\.output\.dense\.(bias|weight)$/,
  );
  expect(error).toMatchObject({ code: "ERR_DATA", cause: { step: 1, place } });
  expect(Number.isFinite(error.cause.loss)).toBe(true);
  expect(await bitsOf(model.parameters())).toEqual(before);
  model.dispose();
});

test.each([1, 2])(
  "batches without a label that counts are no failure, in steps of %d",
  async (gradientAccumulation) => {
    const model = await AutoModelForTokenClassification.fromConfig(tinyConfig, { labels });
    const train = tinyExamples(12).map(({ inputIds }, i) => ({
      inputIds,
      labels: Array.from(inputIds!, (_, t) => (i < 6 || t === 0 ? -100 : t % 3)),
    }));
    const args = { batchSize: 3, gradientAccumulation, shuffle: false, epochs: 1, logEvery: 1 };
    const losses: number[] = [];
    const callbacks = [({ type, loss }: TrainEvent) => void (type === "step" && losses.push(loss))];
    const { loss } = await new Trainer({ model, train, prepare, args, callbacks }).train();
    expect(losses[0]).toBe(0);
    expect(losses.at(-1)).toBeGreaterThan(0);
    expect(losses).toHaveLength(4 / gradientAccumulation);
    expect(loss).toBeGreaterThan(0.5); // the mean over the labels that count
    model.dispose();
  },
);
