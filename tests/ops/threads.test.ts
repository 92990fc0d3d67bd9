// Reductions give the same bits whatever the number of threads.
import { afterAll, describe, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { div, mul, where } from "../../src/tensor/ops/elementwise.js";
import { bceWithLogits, crossEntropy, mse } from "../../src/tensor/ops/loss.js";
import { l2Normalize, logSoftmax, logsumexp, mean, softmax, sum } from "../../src/tensor/ops/reduce.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { countOf, evaluate, expectSameBits, randomData, randomIntegers } from "../support/ops.js";

const [rows, width] = [601, 131];
const full = [rows, width];
const target = Float32Array.from(randomIntegers(full, 1, 0, 2));
const labels = randomIntegers([rows], 2, 0, width);
const condition = randomIntegers(full, 3, 0, 2);

const cases: Record<string, { shapes: number[][]; fn: (...x: Tensor[]) => Tensor }> = {
  "sum of all": { shapes: [full], fn: (x) => sum(x) },
  "mean over rows": { shapes: [full], fn: (x) => mean(x, { dim: 0 }) },
  "sum over columns": { shapes: [full], fn: (x) => sum(x, { dim: 1 }) },
  "mul by a row": { shapes: [full, [width]], fn: mul },
  "mul by a column": { shapes: [full, [rows, 1]], fn: mul },
  "div by a scalar": { shapes: [full, []], fn: div },
  "where with a scalar": { shapes: [[]], fn: (x) => where(tensor(condition, full), x, 0) },
  softmax: { shapes: [full], fn: softmax },
  log_softmax: { shapes: [full], fn: logSoftmax },
  logsumexp: { shapes: [full], fn: (x) => logsumexp(x) },
  l2_normalize: { shapes: [full], fn: (x) => l2Normalize(x) },
  cross_entropy: {
    shapes: [full],
    fn: (x) => crossEntropy(x, tensor(labels, [rows]), { labelSmoothing: 0.1 }),
  },
  mse: { shapes: [full], fn: (x) => mse(x, tensor(target, full)) },
  bce_with_logits: { shapes: [full], fn: (x) => bceWithLogits(x, tensor(target, full)) },
};

describe("1, 2 and 5 threads give the same bits", () => {
  afterAll(() => setThreads(2));

  test.each(Object.keys(cases))("%s", (name) => {
    const { shapes, fn } = cases[name];
    const inputs = shapes.map((shape, i) => ({ shape, data: randomData(shape, i + 4).map((v) => v + 3) }));
    const { shape } = evaluate(fn, inputs);
    const upstream = randomData(shape, 9);
    if (countOf(shape) === 1) upstream[0] = 1;
    const results = [1, 2, 5].map((threads) => {
      setThreads(threads);
      return evaluate(fn, inputs, upstream);
    });
    for (const result of results.slice(1)) {
      expectSameBits(result.output, results[0].output, "value");
      result.gradients.forEach((g, i) => {
        expectSameBits(g!, results[0].gradients[i]!, `gradient ${i}`);
      });
    }
  });
});
