// Ops on bf16 elements, which the CPU does not have: CUDA in bf16 against the CPU in f32, from the same rounded
// inputs. bf16 rounds to 8 bits; results and gradients pass through it about twice.
import { expect } from "@jest/globals";
import { devices } from "../../src/tensor/device.js";
import { cast } from "../../src/tensor/ops.js";
import { type Device, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, randomData } from "./ops.js";

/** Whether there is a GPU, or the emulated one. */
export const gpu = devices().some(({ kind, available }) => kind === "cuda" && available);
const tolerance = 2 * 2 ** -8;

const rounded = (shape: number[], seed: number) =>
  cast(tensor(randomData(shape, seed), shape, { device: "cpu" }), "bf16").dataSync();

/** Leaves on a device, as the op takes them: in bf16 on CUDA, in f32 on the CPU. */
function leaves(device: Device, shapes: number[][], prepare: (x: number) => number) {
  const made = shapes.map((shape, i) =>
    tensor(Float32Array.from(rounded(shape, i + 1), prepare), shape, { device, requiresGrad: true }),
  );
  return { made, taken: made.map((leaf) => (device === "cpu" ? leaf : cast(leaf, "bf16"))) };
}

export interface Bf16Comparison {
  /** What the op gives on CUDA: losses and their like are f32. Default "bf16". */
  outType?: "bf16" | "f32";
  /** Changes the random inputs to values that bf16 has too. */
  prepare?: (x: number) => number;
}

/** Runs on both devices and compares the result and the gradient of every leaf. */
export function compareBf16(
  shapes: number[][],
  outShape: number[],
  run: (inputs: Tensor[], device: Device) => Tensor,
  options: Bf16Comparison = {},
): void {
  const { outType = "bf16", prepare = (x) => x } = options;
  const on = (device: Device) => {
    const { made, taken } = leaves(device, shapes, prepare);
    const y = run(taken, device);
    expect(y.dtype).toBe(device === "cpu" ? "f32" : outType);
    expect(y.shape).toEqual(outShape);
    const loss = y.dtype === "f32" ? y : cast(y, "f32");
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
