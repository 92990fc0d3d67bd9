// Ops on bf16 elements, which the CPU does not have: the same call on CUDA in bf16 and on the CPU in fp32, from inputs that
// bf16 holds exactly.
import { expect } from "@jest/globals";
import { cast } from "../../src/tensor/ops.js";
import { type Device, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, randomData } from "./ops.js";

/** bf16 rounds to 8 bits; results and gradients pass through it about twice. */
export const bf16Tolerance = 2 * 2 ** -8;

const rounded = (shape: number[], seed: number) =>
  cast(tensor(randomData(shape, seed), shape, { device: "cpu" }), "bf16").dataSync();

/** Leaves on a device, as the op takes them: in bf16 on CUDA, in f32 on the CPU. */
function leaves(device: Device, shapes: number[][]) {
  const made = shapes.map((shape, i) => tensor(rounded(shape, i + 1), shape, { device, requiresGrad: true }));
  return { made, taken: made.map((leaf) => (device === "cpu" ? leaf : cast(leaf, "bf16"))) };
}

/** Runs on both devices and compares the result and the gradient of every leaf. */
export function compareWithCpu(
  shapes: number[][],
  outShape: number[],
  run: (inputs: Tensor[], device: Device) => Tensor,
  outType: "bf16" | "f32" = "bf16",
): void {
  const on = (device: Device) => {
    const { made, taken } = leaves(device, shapes);
    const y = run(taken, device);
    expect(y.dtype).toBe(device === "cpu" ? "f32" : outType);
    const loss = y.dtype === "f32" ? y : cast(y, "f32");
    loss.backward(tensor(rounded(outShape, 9), outShape, { device }));
    return [loss, ...made.map((leaf) => leaf.grad as Tensor)].map((t) => {
      expect(t.dtype).toBe("f32");
      return t.dataSync() as Float32Array;
    });
  };
  const expected = on("cpu");
  on("cuda").forEach((values, i) => {
    expectClose(values, expected[i], bf16Tolerance, i === 0 ? "y" : `gradient ${i}`);
  });
}
