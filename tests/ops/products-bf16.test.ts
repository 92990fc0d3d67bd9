// linear and matmul on bf16 elements, which the CPU does not have: against fp32 of the rounded inputs on the CPU.
// bf16 rounds to 8 bits; results and gradients pass through it about twice.
import { describe, expect, test } from "@jest/globals";
import { devices } from "../../src/tensor/device.js";
import { cast, linear, matmul } from "../../src/tensor/ops.js";
import { type Device, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode, randomData } from "../support/ops.js";

const gpu = devices().some(({ kind, available }) => kind === "cuda" && available);
const withGpu = gpu ? describe : describe.skip;
const tolerance = 2 * 2 ** -8;

const rounded = (shape: number[], seed: number) =>
  cast(tensor(randomData(shape, seed), shape, { device: "cpu" }), "bf16").dataSync();

/** Leaves on a device, as the op takes them: in bf16 on CUDA, in f32 on the CPU. */
function leaves(device: Device, shapes: number[][]) {
  const made = shapes.map((shape, i) => tensor(rounded(shape, i + 1), shape, { device, requiresGrad: true }));
  return { made, taken: made.map((leaf) => (device === "cpu" ? leaf : cast(leaf, "bf16"))) };
}

/** Runs on both devices and compares the result and the gradient of every leaf. */
function compare(shapes: number[][], outShape: number[], run: (inputs: Tensor[]) => Tensor): void {
  const on = (device: Device) => {
    const { made, taken } = leaves(device, shapes);
    const y = run(taken);
    expect(y.dtype).toBe(device === "cpu" ? "f32" : "bf16");
    const loss = device === "cpu" ? y : cast(y, "f32");
    loss.backward(tensor(rounded(outShape, 9), outShape, { device }));
    return [loss, ...made.map((leaf) => leaf.grad as Tensor)].map((t) => {
      expect(t.dtype).toBe("f32");
      return t.dataSync() as Float32Array;
    });
  };
  const expected = on("cpu");
  on("cuda").forEach((values, i) => {
    expectClose(values, expected[i], tolerance, i === 0 ? "y" : `gradient ${i}`);
  });
}

withGpu("bf16 on CUDA", () => {
  test.each(["none", "relu", "gelu", "gelu_tanh", "tanh", "silu"] as const)(
    "linear with %s",
    (activation) => {
      compare([[2, 9, 40], [24, 40], [24], [2, 9, 24]], [2, 9, 24], ([x, weight, bias, residual]) =>
        linear(x, weight, bias, { activation, residual }),
      );
    },
  );

  test("linear with the weight as (in, out)", () => {
    compare(
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
    compare([a, b], [3, 18, 20], ([x, y]) => matmul(x, y, { transposeA, transposeB }));
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
