// The gradient noise scale where it is known, norms by layer, and the learning-rate range test on a parabola.
import { expect, test } from "@jest/globals";
import {
  gradientNoise,
  gradientNorms,
  learningRateRange,
  type Subject,
} from "../../src/diagnostics/index.js";
import { ops, Sgd, scope, tensor } from "../../src/index.js";
import { errorOf } from "../data/temporary.js";
import { randomData } from "../support/random.js";
import { bitsOf } from "../training/support.js";
import { functionOf, quadratic } from "./functions.js";

const DIMENSIONS = 12;
// Standard deviations of 1, 2 and 3: the trace of the covariance is 4 · (1 + 4 + 9).
const deviations = Array.from({ length: DIMENSIONS }, (_, i) => 1 + (i % 3));
const TRACE = 56;
// |w - mean|² for w = 0.
const SQUARED_NORM = DIMENSIONS * 0.25;

/** Half of the squared distance to rows around 0.5: the gradient of a row is normal, with a known mean and trace. */
function distances(batches: number, rows: number, seed: number): Subject {
  const w = tensor(new Float32Array(DIMENSIONS), [DIMENSIONS], { requiresGrad: true });
  const data = Array.from({ length: batches }, (_, batch) => {
    const values = randomData([rows, DIMENSIONS], seed * 1000 + batch);
    return tensor(
      values.map((value, i) => 0.5 + value * deviations[i % DIMENSIONS]),
      [rows, DIMENSIONS],
    );
  });
  const loss = (batch: number) =>
    scope(() => {
      const difference = ops.sub(data[batch], w);
      return ops.div(ops.sum(ops.mul(difference, difference)), 2 * rows);
    });
  return { parameters: new Map([["w", w]]), batches, rows: new Array(batches).fill(rows), loss };
}

test("noise scale, squared norm and trace of a problem whose answer is known", async () => {
  const subject = distances(400, 4, 1);
  const before = await bitsOf(new Map(subject.parameters));
  const { noiseScale, squaredNorm, trace, batchSizes } = await gradientNoise(subject);
  expect(await bitsOf(new Map(subject.parameters))).toEqual(before);
  expect(batchSizes).toEqual([4, 1600]);
  expect(Math.abs(trace.value / TRACE - 1)).toBeLessThan(0.05);
  expect(Math.abs(squaredNorm.value / SQUARED_NORM - 1)).toBeLessThan(0.15);
  expect(Math.abs(noiseScale / (TRACE / SQUARED_NORM) - 1)).toBeLessThan(0.15);
  for (const { value, standardError, wanted } of [
    { ...trace, wanted: TRACE },
    { ...squaredNorm, wanted: SQUARED_NORM },
  ]) {
    expect(Math.abs(value - wanted)).toBeLessThan(3 * standardError);
    expect(standardError).toBeLessThan(0.1 * wanted);
  }
});

test("the estimates have no bias: over many small data sets their means are right, and so are their errors", async () => {
  const sets = Array.from({ length: 150 }, (_, seed) => gradientNoise(distances(4, 2, seed + 10)));
  const found = await Promise.all(sets);
  for (const [name, wanted] of [
    ["squaredNorm", SQUARED_NORM],
    ["trace", TRACE],
  ] as const) {
    const values = found.map((one) => one[name].value);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean - wanted)).toBeLessThan((3 * deviation) / Math.sqrt(values.length));
    // The naive |mean gradient|² would be too large by trace / 8 = 7.
    const claimed = found.reduce((sum, one) => sum + one[name].standardError ** 2, 0) / found.length;
    expect(Math.sqrt(claimed) / deviation).toBeGreaterThan(0.7);
    expect(Math.sqrt(claimed) / deviation).toBeLessThan(1.6);
  }
});

test("a last batch that is smaller is left out; fewer than three are refused", async () => {
  const subject = distances(6, 4, 3);
  const { trace } = await gradientNoise({ ...subject, batches: 5, rows: [4, 4, 4, 4, 4] });
  expect((await gradientNoise({ ...subject, rows: [4, 4, 4, 4, 4, 3] })).trace.value).toBeCloseTo(
    trace.value,
    9,
  );
  expect(await errorOf(() => gradientNoise({ ...subject, batches: 2, rows: [4, 4] }))).toEqual({
    code: "ERR_ARGUMENT",
    message: "diagnose: batches must be at least 3 of full size, got 2",
  });
});

test("norms of gradient and weights by layer", async () => {
  const subject = quadratic([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4], [1, 1, 2, 2]);
  const [first, second] = [...subject.parameters.values()];
  const named = {
    ...subject,
    parameters: new Map([
      ["bert.encoder.layer.11.output.dense.weight", first],
      ["classifier.weight", second],
    ]),
  };
  const layers = await gradientNorms(named);
  expect(layers.map(({ name, parameters }) => [name, parameters])).toEqual([
    ["encoder.layer.11", 2],
    ["classifier", 2],
  ]);
  expect(layers[0].norm).toBeCloseTo(Math.hypot(1, 2), 6);
  expect(layers[1].norm).toBeCloseTo(Math.hypot(6, 8), 6);
  expect(layers[1].weightNorm).toBeCloseTo(Math.hypot(2, 2), 6);
});

test("on a parabola the loss is lowest where the learning rate reaches 2 over the curvature", async () => {
  const subject = functionOf([3, 2], (w) => ops.mul(ops.sum(ops.mul(w, w)), 5));
  const before = await bitsOf(new Map(subject.parameters));
  const range = await learningRateRange(subject, {
    ...{ low: 1e-4, high: 10, steps: 200, maxGradNorm: Number.POSITIVE_INFINITY },
    optimizer: (parameters) => new Sgd(parameters, { lr: 0 }),
  });
  expect(await bitsOf(new Map(subject.parameters))).toEqual(before);
  // Steps differ by 6 %; the mean over neighbours moves the lowest place by at most 3 of them.
  expect(range.lowest).toBeGreaterThan(0.2 / 1.06 ** 4);
  expect(range.lowest).toBeLessThan(0.2 * 1.06 ** 4);
  expect(range.diverged!).toBeGreaterThan(0.2);
  expect(range.diverged!).toBeLessThan(0.4);
  // It falls by a factor (1 - 10 lr)² with each step: fastest long before.
  expect(range.steepest).toBeLessThan(0.05);
  expect(range.steps[0]).toMatchObject({ learningRate: 1e-4, loss: 65 });
  const refusal = (options: object) => errorOf(() => learningRateRange(subject, options));
  for (const options of [{ low: 1, high: 0.1 }, { low: 0 }, { steps: 2 }, { maxGradNorm: 0 }]) {
    expect(await refusal(options)).toMatchObject({ code: "ERR_ARGUMENT" });
  }
});
