// The ops `softmax`, `log_softmax` and `logsumexp`.
import { describe, expect, test } from "@jest/globals";
import { add } from "../../src/tensor/ops/elementwise.js";
import { logSoftmax, logsumexp, softmax } from "../../src/tensor/ops/reduce.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";

const inf = Number.POSITIVE_INFINITY;

// One row in float64.
function reference(x: Float32Array) {
  const max = x.reduce((m, v) => Math.max(m, v), -inf);
  const total = x.reduce((s, v) => s + Math.exp(v - max), 0);
  const logsumexp = max + Math.log(total);
  const logSoftmax = Float64Array.from(x, (v) => v - max - Math.log(total));
  return { logsumexp, logSoftmax, softmax: logSoftmax.map(Math.exp) };
}

describe("softmax, PyTorch 2.13.0 fixtures", () => {
  test("softmax: outputs and gradients", async () => {
    for (const c of await fixtureCases("softmax")) {
      const get = (name: string) => c.tensors.get(name)!;
      const bound = fixtureTolerance(c);
      const x = get("x");
      const s = evaluate(softmax, [x], get("upstream.output").data);
      const l = evaluate(logSoftmax, [x], get("upstream.log_softmax").data);
      expectClose(s.output, get("output").data, bound, `${c.case} softmax`);
      expectClose(l.output, get("log_softmax").data, bound, `${c.case} log_softmax`);
      const both = s.gradients[0]!.map((v, i) => v + l.gradients[0]![i]);
      expectClose(both, get("grad.x").data, bound, `${c.case} grad.x`);
    }
  });
});

describe("softmax, log_softmax, logsumexp against float64", () => {
  test.each([
    [[0]],
    [[1]],
    [[0, 4]],
    [[3, 0]],
    [[5, 1]],
    [[4, 7]],
    [[2, 3, 33]],
    [[2, 1, 3, 129]],
    [[1001, 3]],
    [[3, 50_257]],
  ])("shape %j", (shape) => {
    const width = shape[shape.length - 1];
    const x = randomData(shape, 1, 3);
    const dy = randomData(shape, 2);
    const rows = width === 0 ? 0 : x.length / width;
    const count = shape.slice(0, -1).reduce((n, d) => n * d, 1);
    const dRow = randomData(shape.slice(0, -1), 3);
    const expected = {
      softmax: new Float64Array(x.length),
      logSoftmax: new Float64Array(x.length),
      logsumexp: new Float64Array(count).fill(-inf),
    };
    const gradients = {
      softmax: new Float64Array(x.length),
      logSoftmax: new Float64Array(x.length),
      logsumexp: new Float64Array(x.length),
    };
    for (let r = 0; r < rows; r++) {
      const row = reference(x.subarray(r * width, (r + 1) * width));
      expected.softmax.set(row.softmax, r * width);
      expected.logSoftmax.set(row.logSoftmax, r * width);
      expected.logsumexp[r] = row.logsumexp;
      let [inner, total] = [0, 0];
      for (let i = 0; i < width; i++) {
        inner += row.softmax[i] * dy[r * width + i];
        total += dy[r * width + i];
      }
      for (let i = 0; i < width; i++) {
        const at = r * width + i;
        gradients.softmax[at] = row.softmax[i] * (dy[at] - inner);
        gradients.logSoftmax[at] = dy[at] - row.softmax[i] * total;
        gradients.logsumexp[at] = row.softmax[i] * dRow[r];
      }
    }
    const input = { shape, data: x };
    const s = evaluate(softmax, [input], dy);
    const l = evaluate(logSoftmax, [input], dy);
    const e = evaluate((t) => logsumexp(t), [input], dRow);
    expect([s.shape, l.shape, e.shape]).toEqual([shape, shape, shape.slice(0, -1)]);
    expectClose(s.output, expected.softmax, 2e-6, "softmax");
    expectClose(l.output, expected.logSoftmax, 2e-6, "log_softmax");
    expectClose(e.output, expected.logsumexp, 2e-6, "logsumexp");
    expectClose(s.gradients[0]!, gradients.softmax, 2e-6, "softmax gradient");
    expectClose(l.gradients[0]!, gradients.logSoftmax, 2e-6, "log_softmax gradient");
    expectClose(e.gradients[0]!, gradients.logsumexp, 2e-6, "logsumexp gradient");
    expectSameBits(evaluate(softmax, [input], dy).gradients[0]!, s.gradients[0]!, "again");
  });

  test("gradients against differences", async () => {
    const x = { shape: [3, 5], data: randomData([3, 5], 4) };
    for (const fn of [
      softmax,
      logSoftmax,
      (t: Tensor) => logsumexp(t),
      (t: Tensor) => logsumexp(t, { keepDims: true }),
    ]) {
      await checkGradients(fn, [x]);
    }
  });

  test("logsumexp keeps the dimension on request", () => {
    const x = { shape: [2, 3], data: [0, 0, 0, 1, 1, 1] };
    const y = evaluate((t) => logsumexp(t, { keepDims: true }), [x]);
    expect(y.shape).toEqual([2, 1]);
    expectClose(y.output, [Math.log(3), 1 + Math.log(3)], 2e-7, "value");
    const shifted = evaluate((t) => add(t, logsumexp(t, { keepDims: true })), [x]);
    expect(shifted.shape).toEqual([2, 3]);
  });

  test("a large offset costs nothing", () => {
    const x = randomData([1, 50], 5).map((v) => Math.round(v * 64) / 64); // exact after the shift too
    const moved = x.map((v) => v + 10_000);
    for (const fn of [softmax, logSoftmax]) {
      const [a, b] = [x, moved].map((data) => evaluate(fn, [{ shape: [1, 50], data }], x));
      expectClose(b.output, a.output, 5e-7, "value");
      expectClose(b.gradients[0]!, a.gradients[0]!, 5e-7, "gradient");
    }
    const gradient = (data: Float32Array) =>
      evaluate((t) => logsumexp(t), [{ shape: [1, 50], data }], [1]).gradients[0]!;
    expectClose(gradient(moved), gradient(x), 5e-7, "logsumexp gradient");
  });

  test("infinities and NaN as PyTorch 2.13.0 gives them", () => {
    const at = (fn: (t: Tensor) => Tensor, row: number[]) =>
      Array.from(evaluate(fn, [{ shape: [1, row.length], data: row }]).output);
    const slope = (row: number[]) =>
      Array.from(evaluate((t) => logsumexp(t), [{ shape: [1, row.length], data: row }], [1]).gradients[0]!);
    const nan = Number.NaN;
    expect(at(softmax, [-inf, -inf, -inf])).toEqual([nan, nan, nan]);
    expect(at(logSoftmax, [-inf, -inf, -inf])).toEqual([nan, nan, nan]);
    expect(at((t) => logsumexp(t), [-inf, -inf, -inf])).toEqual([-inf]);
    expect(slope([-inf, -inf, -inf])).toEqual([nan, nan, nan]);
    expect(at(softmax, [1, inf])).toEqual([nan, nan]);
    expect(at(logSoftmax, [1, inf])).toEqual([nan, nan]);
    expect(at((t) => logsumexp(t), [1, inf])).toEqual([inf]);
    expect(slope([1, inf])).toEqual([0, nan]);
    expect(at(softmax, [0, -inf, 0])).toEqual([0.5, 0, 0.5]);
    expect(at(logSoftmax, [0, -inf])).toEqual([0, -inf]);
    expect(at(softmax, [0, nan])).toEqual([nan, nan]);
    expect(at((t) => logsumexp(t), [0, nan])).toEqual([nan]);
  });

  test("a range of columns", () => {
    const data = randomData([3, 6], 6);
    const y = evaluate(
      (t) => softmax(t.slice(1, 4, 1)),
      [{ shape: [3, 6], data }],
      new Float32Array(9).fill(1),
    );
    for (let r = 0; r < 3; r++) {
      expectClose(
        y.output.subarray(r * 3, r * 3 + 3),
        reference(data.subarray(r * 6 + 1, r * 6 + 4)).softmax,
        1e-6,
        "row",
      );
    }
  });

  test("misuse has its code", () => {
    for (const fn of [softmax, logSoftmax, logsumexp] as ((t: Tensor) => Tensor)[]) {
      expectCode(() => fn(tensor([1], [])), "ERR_SHAPE", "x must have 1 to 4 dimensions");
      expectCode(() => fn(tensor(Int32Array.of(1), [1])), "ERR_DTYPE", "x must be f32");
      expectCode(() => fn(null as never), "ERR_ARGUMENT", "x must be a tensor");
    }
  });
});
