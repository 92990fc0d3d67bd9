// linear and matmul on bf16 elements, which the CPU does not have: against fp32 of the rounded inputs on the CPU.
import { describe, test } from "@jest/globals";
import { devices } from "../../src/tensor/device.js";
import { linear, matmul } from "../../src/tensor/ops.js";
import { tensor } from "../../src/tensor/tensor.js";
import { compareWithCpu } from "../support/bf16.js";
import { expectCode } from "../support/ops.js";

const gpu = devices().some(({ kind, available }) => kind === "cuda" && available);
const withGpu = gpu ? describe : describe.skip;
withGpu("bf16 on CUDA", () => {
  test.each(["none", "relu", "gelu", "gelu_tanh", "tanh", "silu"] as const)(
    "linear with %s",
    (activation) => {
      compareWithCpu([[2, 9, 40], [24, 40], [24], [2, 9, 24]], [2, 9, 24], ([x, weight, bias, residual]) =>
        linear(x, weight, bias, { activation, residual }),
      );
    },
  );

  test("linear with the weight as (in, out)", () => {
    compareWithCpu(
      [
        [17, 33],
        [33, 20],
      ],
      [17, 20],
      ([x, weight]) => linear(x, weight, null, { weightLayout: "in_out" }),
    );
  });

  test.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])("matmul, transposed %s and %s", (transposeA, transposeB) => {
    const a = transposeA ? [3, 12, 18] : [3, 18, 12];
    const b = transposeB ? [3, 20, 12] : [3, 12, 20];
    compareWithCpu([a, b], [3, 18, 20], ([x, y]) => matmul(x, y, { transposeA, transposeB }));
  });

  test("elements of one call are of one type", () => {
    const on = (shape: number[], dtype: "f32" | "bf16") =>
      tensor(new Float32Array(shape.reduce((n, size) => n * size, 1)), shape, { device: "cuda", dtype });
    const x = on([2, 3], "bf16");
    expectCode(() => linear(x, on([4, 3], "f32")), "ERR_DTYPE", /weight must be bf16, got f32/);
    expectCode(
      () => linear(x, on([4, 3], "bf16"), on([4], "f32")),
      "ERR_DTYPE",
      /bias must be bf16, got f32/,
    );
    expectCode(() => matmul(x, on([3, 4], "f32")), "ERR_DTYPE", /b must be bf16, got f32/);
  });
});

test("the CPU has no bf16 activations", () => {
  const x = tensor([1, 2], [1, 2], { device: "cpu", dtype: "bf16" });
  const weight = tensor([1, 2], [1, 2], { device: "cpu", dtype: "bf16" });
  expectCode(() => linear(x, weight), "ERR_DTYPE", /x must be f32, got bf16/);
  expectCode(() => matmul(x, weight, { transposeB: true }), "ERR_DTYPE", /a must be f32, got bf16/);
});
