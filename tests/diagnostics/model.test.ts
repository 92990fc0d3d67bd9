// A BERT under diagnosis: what is found agrees with its own gradients, and nothing of it has changed afterwards.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { hessianEnds } from "../../src/diagnostics/hessian.js";
import {
  diagnose,
  gradientNoise,
  gradientNorms,
  hessianSpectrum,
  learningRateRange,
  modelSubject,
} from "../../src/diagnostics/index.js";
import { LossSurface } from "../../src/diagnostics/surface.js";
import type { Model } from "../../src/models/index.js";
import { engineState, synchronize } from "../../src/tensor/device.js";
import { AdamW } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { bitsOf, tinyExamples, tinyModel, withModel } from "../training/support.js";

const examples = tinyExamples(40, 4);
let model: Model;
beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => model.dispose());

test.each([
  ["hessianSpectrum", (subject) => hessianSpectrum(subject, { iterations: 6 })],
  ["gradientNoise", (subject) => gradientNoise(subject)],
  ["gradientNorms", (subject) => gradientNorms(subject)],
  ["learningRateRange", (subject) => learningRateRange(subject, { steps: 30 })],
  ["diagnose", (subject) => diagnose(subject, { iterations: 6 })],
  ["one that is stopped", (subject) => stopped((signal) => hessianSpectrum(subject, { signal }))],
] as [string, (subject: ReturnType<typeof modelSubject>) => Promise<unknown>][])(
  "%s leaves parameters, mode, generator and memory as they were",
  async (_, work) => {
    model.train();
    model.generator.calls = 17;
    const { generator } = model;
    const before = await bitsOf(model.parameters());
    const subject = modelSubject({ model, examples, batchSize: 8 });
    await synchronize();
    const { liveHandles } = engineState();
    await work(subject);
    expect(await bitsOf(model.parameters())).toEqual(before);
    expect(model.training).toBe(true);
    expect(model.generator).toBe(generator);
    expect(generator.calls).toBe(17);
    expect([...model.parameters().values()].every(({ grad }) => grad === null)).toBe(true);
    await synchronize();
    expect(engineState().liveHandles).toBe(liveHandles);
  },
);

async function stopped(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 30);
  expect(await errorOf(() => work(abort.signal))).toMatchObject({ code: "ERR_ABORTED" });
}

test("the gradient is that of one batch with all rows, layer by layer", async () => {
  const layers = await gradientNorms(modelSubject({ model, examples, batchSize: 16 }));
  expect(layers.map(({ name }) => name)).toEqual([
    "embeddings",
    "encoder.layer.0",
    "encoder.layer.1",
    "pooler",
    "classifier",
  ]);
  model.eval();
  const batch = model.collate(examples);
  const { loss, logits } = model.forward(batch);
  loss!.backward();
  let square = 0;
  for (const parameter of model.parameters().values()) {
    const values = parameter.grad ? ((await parameter.grad.data()) as Float32Array) : new Float32Array(0);
    square += values.reduce((sum, value) => sum + value * value, 0);
    parameter.grad = null;
  }
  for (const made of [loss!, logits]) made.dispose();
  batch.dispose();
  const sum = layers.reduce((all, { norm }) => all + norm ** 2, 0);
  expect(sum / square).toBeCloseTo(1, 4);
});

test("curvature along the eigenvectors is what second differences of the loss say", async () => {
  await LossSurface.use(modelSubject({ model, examples, batchSize: 40 }), {}, async (surface) => {
    const { spectrum, largest, smallest } = await hessianEnds(surface, { count: 1, iterations: 30 });
    expect(spectrum.uncertainty).toBeLessThan(0.02);
    expect(spectrum.residuals.largest).toBeLessThan(0.02 * spectrum.largest[0]);
    const [distance, middle] = [0.02, await surface.loss()];
    for (const [vector, eigenvalue] of [
      [largest, spectrum.largest[0]],
      [smallest, spectrum.smallest],
    ] as const) {
      const ends: number[] = [];
      for (const side of [1, -1]) {
        await surface.place(vector, side * distance);
        ends.push(await surface.loss());
      }
      const curvature = (ends[0] + ends[1] - 2 * middle) / distance ** 2;
      expect(Math.abs(curvature / eigenvalue - 1)).toBeLessThan(0.02);
    }
    expect(spectrum.smallest).toBeLessThan(0);
  });
});

test("the range test finds learning rates by which the model learns", async () => {
  await withModel(async (fresh) => {
    const subject = modelSubject({ model: fresh, examples, batchSize: 8 });
    const { steepest, lowest, steps } = await learningRateRange(subject, { low: 1e-6, high: 1, steps: 120 });
    expect(steepest).toBeGreaterThan(1e-4);
    expect(steepest).toBeLessThanOrEqual(lowest);
    expect(lowest).toBeLessThan(0.2);
    expect(Math.min(...steps.map(({ smoothed }) => smoothed))).toBeLessThan(0.7);
  });
});

test("a model that has learnt its rows by heart is not on a slope any more", async () => {
  await withModel(async (fresh) => {
    const few = examples.slice(0, 12);
    const subject = modelSubject({ model: fresh, examples: few, batchSize: 12 });
    expect((await diagnose(subject, { iterations: 20 })).verdict).toBe("slope");
    expect((await diagnose(subject, { iterations: 20, learningRate: 10 })).verdict).toBe("step too large");
    const optimizer = new AdamW(fresh.parameters(), { lr: 5e-3 });
    const batch = fresh.collate(few);
    for (let step = 0; step < 150; step++) {
      const { loss, logits } = fresh.forward(batch);
      loss!.backward();
      optimizer.step().gradNorm.dispose();
      optimizer.zeroGrad();
      for (const made of [loss!, logits]) made.dispose();
    }
    batch.dispose();
    optimizer.dispose();
    const { loss, gradientNorm } = await diagnose(subject, { iterations: 20 });
    expect(loss).toBeLessThan(0.01);
    expect(gradientNorm).toBeLessThan(0.05);
  });
});

test("examples without a label that counts, and frozen models, are refused", async () => {
  expect(await errorOf(async () => modelSubject({ model, examples: [] }))).toMatchObject({
    code: "ERR_DATA",
  });
  await withModel(async (frozen) => {
    frozen.freeze(/./);
    expect(await errorOf(() => gradientNoise(modelSubject({ model: frozen, examples })))).toEqual({
      code: "ERR_ARGUMENT",
      message: "diagnose: parameters must be trained, at least one of them, got all frozen",
    });
  });
});
