import { describe, expect, test } from "@jest/globals";
import { l2Normalize } from "../../src/tensor/ops/reduce.js";
import { tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  randomData,
} from "../support/ops.js";

describe("l2_normalize", () => {
  test.each([[[0]], [[1]], [[0, 4]], [[3, 0]], [[4, 7]], [[2, 3, 33]], [[1001, 5]], [[3, 10_007]]])(
    "shape %j against float64",
    (shape) => {
      const width = shape[shape.length - 1];
      const [x, dy] = [randomData(shape, 1, 3), randomData(shape, 2)];
      const [value, gradient] = [new Float64Array(x.length), new Float64Array(x.length)];
      for (let at = 0; at < x.length; at += width) {
        const row = x.subarray(at, at + width);
        const norm = Math.sqrt(row.reduce((s, v) => s + v * v, 0));
        const inner = row.reduce((s, v, i) => s + (v / norm) * dy[at + i], 0);
        row.forEach((v, i) => {
          value[at + i] = v / norm;
          gradient[at + i] = (dy[at + i] - (v / norm) * inner) / norm;
        });
      }
      const result = evaluate((t) => l2Normalize(t), [{ shape, data: x }], dy);
      expect(result.shape).toEqual(shape);
      expectClose(result.output, value, 1e-6, "value");
      expectClose(result.gradients[0]!, gradient, 2e-6, "gradient");
      const again = evaluate((t) => l2Normalize(t), [{ shape, data: x }], dy);
      expectSameBits(again.output, result.output, "value again");
      expectSameBits(again.gradients[0]!, result.gradients[0]!, "gradient again");
    },
  );

  test("PyTorch 2.13.0 normalize(eps=1e-12): a plain row and a row of zeros", () => {
    const y = evaluate(
      (t) => l2Normalize(t),
      [{ shape: [2, 3], data: [3, 4, 0, 0, 0, 0] }],
      [1, 2, 3, 1e-12, 2e-12, 3e-12],
    );
    expectClose(y.output, [0.6, 0.8, 0, 0, 0, 0], 1e-7, "value");
    expectClose(y.gradients[0]!, [-0.064, 0.048, 0.6, 1, 2, 3], 1e-6, "gradient");
  });

  test("gradient against differences, above and below eps", async () => {
    const x = { shape: [3, 5], data: randomData([3, 5], 3) };
    await checkGradients((t) => l2Normalize(t), [x]);
    await checkGradients((t) => l2Normalize(t, { eps: 100 }), [x], { floor: 1e-3 });
  });

  test("huge and tiny rows, and NaN", () => {
    const rows = [
      [3e30, 4e30],
      [3e-30, 4e-30],
      [Number.NaN, 1],
    ];
    const y = evaluate((t) => l2Normalize(t, { eps: 0 }), [{ shape: [3, 2], data: rows.flat() }]);
    expectClose(y.output, [0.6, 0.8, 0.6, 0.8, Number.NaN, Number.NaN], 2e-7, "value");
  });

  test("misuse has its code", () => {
    const x = tensor([1, 2], [1, 2]);
    expectCode(() => l2Normalize(tensor([1], [])), "ERR_SHAPE", "x must have 1 to 4 dimensions");
    expectCode(() => l2Normalize(x, { eps: -1 }), "ERR_ARGUMENT", "eps must be 0 or more");
    expectCode(() => l2Normalize(x, { eps: Number.NaN }), "ERR_ARGUMENT", "eps must be a number");
    expectCode(() => l2Normalize(tensor(Int32Array.of(1), [1])), "ERR_DTYPE", "x must be f32");
  });
});
