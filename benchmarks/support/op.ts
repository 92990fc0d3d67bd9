// Measures an op as a function of tensors: forward without recording, then forward with backward.
import { synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { countOf, randomData } from "../../tests/support/random.js";
import { type Benchmark, bench } from "./runner.js";

export interface OpBenchmark {
  op: string;
  /** Says which of several workloads of the op this is ("gelu", "row broadcast"). */
  variant?: string;
  /** Of the inputs that require gradients. */
  shapes: number[][];
  fn: (...inputs: Tensor[]) => Tensor;
  /** Floats that the forward pass must read and write at least, and the two passes together. */
  floats: { forward: number; both?: number };
  /** The forward pass as a plain loop; `data` are the elements of the inputs. */
  loop?: (data: Float32Array[]) => unknown;
  /** Turns the random normal elements into what the op needs (positive numbers, say). */
  prepare?: (value: number) => number;
}

/** A loop that writes f(data, i) for every element of the first input. */
export function elementLoop(f: (data: Float32Array[], i: number) => number): (data: Float32Array[]) => void {
  let y = new Float32Array(0);
  return (data) => {
    if (y.length !== data[0].length) y = new Float32Array(data[0].length);
    for (let i = 0; i < y.length; i++) y[i] = f(data, i);
  };
}

/** Prints a line for the forward pass, and one for forward and backward if `floats.both` is given. */
export async function benchOp(b: OpBenchmark): Promise<void> {
  const data = b.shapes.map((shape, i) => {
    const values = randomData(shape, i + 1);
    return b.prepare ? values.map(b.prepare) : values;
  });
  const leaves = b.shapes.map((shape, i) => tensor(data[i], shape, { requiresGrad: true }));
  const output = scope(() => noGrad(() => b.fn(...leaves)).shape);
  const upstream = tensor(new Float32Array(countOf(output)).fill(1), output);
  const common: Pick<Benchmark, "op" | "shape" | "dtype"> = { op: b.op, shape: b.shapes[0], dtype: "f32" };
  const { loop } = b;
  await bench({
    ...common,
    variant: [b.variant, "forward"].filter(Boolean).join(", "),
    bytes: 4 * b.floats.forward,
    baseline: loop && { name: "JavaScript loop, one thread", run: () => void loop(data) },
    run: async () => {
      scope(() => void noGrad(() => b.fn(...leaves)));
      await synchronize();
    },
  });
  if (b.floats.both === undefined) return;
  await bench({
    ...common,
    variant: [b.variant, "forward and backward"].filter(Boolean).join(", "),
    bytes: 4 * b.floats.both,
    run: async () => {
      scope(() => b.fn(...leaves).backward(upstream));
      for (const leaf of leaves) leaf.grad = null;
      await synchronize();
    },
  });
}
