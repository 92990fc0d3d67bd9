// The ops `sum` and `mean` against float64.
import { describe, expect, test } from "@jest/globals";
import { mean, type ReduceOptions, sum } from "../../src/tensor/ops/reduce.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  countOf,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  randomData,
} from "../support/ops.js";

type Reduce = (x: Tensor, options?: ReduceOptions) => Tensor;

// Sums in float64; `dim` undefined: all.
function reference(x: Float32Array, shape: number[], dim: number | undefined): Float64Array {
  if (dim === undefined) return Float64Array.of(x.reduce((s, v) => s + v, 0));
  const inner = countOf(shape.slice(dim + 1));
  const n = shape[dim];
  const y = new Float64Array(countOf(shape.slice(0, dim)) * inner);
  x.forEach((v, i) => {
    y[Math.floor(i / (n * inner)) * inner + (i % inner)] += v;
  });
  return y;
}

const cases: [number[], number | undefined][] = [
  [[], undefined],
  [[0], undefined],
  [[1], undefined],
  [[7], 0],
  [[0], 0],
  [[3, 0], 1],
  [[3, 0], 0],
  [[0, 3], 0],
  [[5, 7], undefined],
  [[5, 7], 0],
  [[5, 7], 1],
  [[2, 3, 4], 1],
  [[2, 3, 4, 5], 0],
  [[2, 3, 4, 5], 1],
  [[2, 3, 4, 5], 2],
  [[2, 3, 4, 5], 3],
  [[33, 257], 0],
  [[3, 1001, 17], 1],
  [[20_011, 3], 0],
  [[2, 70_001], 1],
  [[2, 300, 1025], 1],
  [[100_003], undefined],
];

describe.each([
  ["sum", sum, false],
  ["mean", mean, true],
] as [string, Reduce, boolean][])("%s", (_name, fn, isMean) => {
  test.each(cases)("shape %j over %s", (shape, dim) => {
    const x = randomData(shape, 1).map((v) => v + 0.5);
    const n = dim === undefined ? x.length : shape[dim];
    const scale = isMean ? 1 / n : 1;
    const gone = shape.map((size, i) => (dim === undefined || i === dim ? 1 : size));
    const dropped = dim === undefined ? [] : shape.filter((_, i) => i !== dim);
    const dy = randomData(dropped, 2);
    const result = evaluate((t) => fn(t, { dim }), [{ shape, data: x }], dy);
    expect(result.shape).toEqual(dropped);
    const expected = reference(x, shape, dim).map((v) => v * scale);
    expectClose(result.output, expected, 1e-6, "value");
    const inner = dim === undefined ? 1 : countOf(shape.slice(dim + 1));
    const gradient = Float64Array.from(x, (_, i) => {
      const at = dim === undefined ? 0 : Math.floor(i / (n * inner)) * inner + (i % inner);
      return dy[at] * scale;
    });
    expectClose(result.gradients[0]!, gradient, 2e-7, "gradient");
    const kept = evaluate((t) => fn(t, { dim, keepDims: true }), [{ shape, data: x }], dy);
    expect(kept.shape).toEqual(gone);
    expectSameBits(kept.output, result.output, "kept");
    expectSameBits(kept.gradients[0]!, result.gradients[0]!, "kept gradient");
  });

  test("negative dimensions count from the end", () => {
    const x = { shape: [2, 3, 4], data: randomData([2, 3, 4], 3) };
    expectSameBits(
      evaluate((t) => fn(t, { dim: -1 }), [x]).output,
      evaluate((t) => fn(t, { dim: 2 }), [x]).output,
      "-1",
    );
    expectSameBits(
      evaluate((t) => fn(t, { dim: -3 }), [x]).output,
      evaluate((t) => fn(t, { dim: 0 }), [x]).output,
      "-3",
    );
  });

  test("gradients against differences", async () => {
    const x = { shape: [3, 4, 2], data: randomData([3, 4, 2], 4) };
    for (const dim of [undefined, 0, 1, 2]) await checkGradients((t) => fn(t, { dim }), [x]);
  });

  test("a range of columns, and NaN in one place", () => {
    const data = randomData([4, 6], 5);
    data[7] = Number.NaN;
    const out = evaluate((t) => fn(t.slice(1, 4, 1), { dim: 1 }), [{ shape: [4, 6], data }]).output;
    const scale = isMean ? 1 / 3 : 1;
    const expected = [0, 1, 2, 3].map((r) => (data[r * 6 + 1] + data[r * 6 + 2] + data[r * 6 + 3]) * scale);
    expectClose(out, expected, 1e-6, "value");
  });

  test("misuse has its code", () => {
    const x = tensor([1, 2], [2]);
    expectCode(() => fn(x, { dim: 1 }), "ERR_ARGUMENT", "dim must be an integer from -1 to 0");
    expectCode(() => fn(x, { dim: 0.5 }), "ERR_ARGUMENT", "dim");
    expectCode(() => fn(tensor(Int32Array.of(1), [1])), "ERR_DTYPE", "x must be f32");
    expectCode(() => fn(3 as never), "ERR_ARGUMENT", "x must be a tensor");
  });
});

describe("sums of 10 million", () => {
  const n = 10_000_019;
  const data = new Float32Array(n);
  let exact = 0;
  for (let i = 0; i < n; i++) {
    data[i] = 1 + ((i * 7919) % 1000) / 1000;
    exact += data[i];
  }

  test("keep 1e-6 in every direction", () => {
    for (const [shape, dim] of [
      [[n], undefined],
      [[1, n], 1],
      [[n, 1], 0],
    ] as [number[], number | undefined][]) {
      expectClose(
        evaluate((t) => sum(t, { dim }), [{ shape, data }]).output,
        [exact],
        1e-6,
        `shape ${shape}`,
      );
    }
    const half = data.subarray(0, n - 1); // an even number
    const columns = [0, 0];
    half.forEach((v, i) => {
      columns[i % 2] += v;
    });
    expectClose(
      evaluate((t) => sum(t, { dim: 0 }), [{ shape: [(n - 1) / 2, 2], data: half }]).output,
      columns,
      1e-6,
      "columns",
    );
  });

  test("twice the same bits", () => {
    const x = { shape: [n], data };
    expectSameBits(evaluate((t) => mean(t), [x]).output, evaluate((t) => mean(t), [x]).output, "mean");
  });
});
