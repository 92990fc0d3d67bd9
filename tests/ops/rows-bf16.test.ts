// Norms, the softmax family and losses on bf16 elements, which the CPU does not have: against fp32 of the rounded inputs
// on the CPU.
import { describe, expect, test } from "@jest/globals";
import {
  bceWithLogits,
  cast,
  crossEntropy,
  l2Normalize,
  layerNorm,
  linearCrossEntropy,
  logSoftmax,
  logsumexp,
  mse,
  rmsNorm,
  softmax,
} from "../../src/tensor/ops.js";
import { Generator } from "../../src/tensor/random.js";
import { type Device, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { compareBf16, gpu } from "../support/bf16.js";
import { expectCode, expectCodeAsync, randomData, randomIntegers } from "../support/ops.js";

const withGpu = gpu ? describe : describe.skip;

const labels = (device: Device, rows: number, classes: number) => {
  const values = randomIntegers([rows], 5, 0, classes);
  values[1] = -100;
  return tensor(values, [rows], { device });
};

withGpu("bf16 on CUDA", () => {
  test.each([
    [[7, 40], 0],
    [[3, 5, 33], 0.25],
  ])("norms of %j with residual, dropout %d and sum", (shape, dropout) => {
    const width = shape[shape.length - 1];
    const inputs = [shape, shape, [width], [width]];
    const options = { residual: null as unknown as Tensor, dropout };
    compareBf16(inputs, shape, ([x, residual, weight, bias]) => {
      const generator = new Generator(11);
      const { output, sum } = layerNorm(x, weight, bias, {
        ...options,
        residual,
        generator,
        returnSum: true,
      });
      return layerNorm(output, weight, bias, { residual: sum });
    });
    compareBf16(inputs.slice(0, 3), shape, ([x, residual, weight]) =>
      rmsNorm(x, weight, { ...options, residual, generator: new Generator(11) }),
    );
  });

  test("softmax, log_softmax, logsumexp, l2_normalize", () => {
    for (const shape of [
      [5, 6],
      [2, 3, 40],
    ]) {
      compareBf16([shape], shape, ([x]) => softmax(x));
      compareBf16([shape], shape, ([x]) => logSoftmax(x));
      compareBf16([shape], shape.slice(0, -1), ([x]) => logsumexp(x), { outType: "f32" });
      compareBf16([shape], shape, ([x]) => l2Normalize(x));
    }
  });

  test.each(["mean", "sum", "none"] as const)("losses, reduction %s", (reduction) => {
    const shape = reduction === "none" ? [9] : [];
    compareBf16(
      [[9, 40]],
      shape,
      ([x], device) => crossEntropy(x, labels(device, 9, 40), { reduction, labelSmoothing: 0.1 }),
      { outType: "f32" },
    );
    compareBf16(
      [[9, 16], [40, 16], [40]],
      shape,
      ([x, weight, bias], device) =>
        linearCrossEntropy(x, weight, labels(device, 9, 40), { bias, reduction, scale: 0.5 }),
      { outType: "f32" },
    );
    const whole = reduction === "none" ? [9, 4] : [];
    compareBf16(
      [
        [9, 4],
        [9, 4],
      ],
      whole,
      ([x, target]) => mse(x, target, { reduction }),
      { outType: "f32" },
    );
    compareBf16(
      [[9, 4]],
      whole,
      ([x], device) => {
        const target = tensor(
          randomData([9, 4], 6).map((v) => (v > 0 ? 1 : 0)),
          [9, 4],
          { device },
        );
        return bceWithLogits(x, target, { reduction });
      },
      { outType: "f32" },
    );
  });

  test("labels and targets that only the GPU knows are checked too", async () => {
    const onDevice = (values: Int32Array | Float32Array) => tensor(values, [2], { device: "cuda" });
    const logits = tensor(randomData([2, 5], 1), [2, 5], { device: "cuda" });
    const label = cast(onDevice(Float32Array.of(4, 5)), "i32");
    await expectCodeAsync(crossEntropy(logits, label).data(), "ERR_DATA", "label 5 outside 0..4");
    const target = l2Normalize(onDevice(Float32Array.of(Number.NaN, 1)));
    await expectCodeAsync(
      mse(onDevice(Float32Array.of(1, 2)), target).data(),
      "ERR_DATA",
      "target must be a number, got NaN at (0)",
    );
    expect(await mse(onDevice(Float32Array.of(1, 2)), onDevice(Float32Array.of(1, 2))).item()).toBe(0);
  });

  test("elements of one call are of one type", () => {
    const on = (shape: number[], dtype: "f32" | "bf16") =>
      tensor(new Float32Array(shape.reduce((n, size) => n * size, 1)), shape, { device: "cuda", dtype });
    const x = on([2, 3], "bf16");
    const wanted = /must be bf16, got f32/;
    expectCode(() => layerNorm(x, on([3], "f32"), null), "ERR_DTYPE", wanted);
    expectCode(() => rmsNorm(x, on([3], "bf16"), { residual: on([2, 3], "f32") }), "ERR_DTYPE", wanted);
    const label = tensor(Int32Array.of(0, 1), [2], { device: "cuda" });
    expectCode(() => linearCrossEntropy(x, on([4, 3], "f32"), label), "ERR_DTYPE", wanted);
  });
});

test("the CPU has no bf16 activations", () => {
  const x = tensor([1, 2], [1, 2], { device: "cpu", dtype: "bf16" });
  const weight = tensor([1, 2], [2], { device: "cpu", dtype: "bf16" });
  for (const run of [() => layerNorm(x, weight, null), () => softmax(x), () => l2Normalize(x)]) {
    expectCode(run, "ERR_DTYPE", /x must be f32, got bf16/);
  }
  expectCode(() => mse(x, x), "ERR_DTYPE", /x must be f32, got bf16/);
});
