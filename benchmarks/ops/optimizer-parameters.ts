// What the benchmarks of sgd, adagrad and rmsprop update: weight matrices with gradients and states.
import { type Tensor, tensor } from "../../src/tensor/tensor.js";

export const parameterShape: [number, number] = [3072, 768];

const full = (value: number): Tensor =>
  tensor(new Float32Array(parameterShape[0] * parameterShape[1]).fill(value), parameterShape);

export interface GradientParameter {
  parameter: Tensor;
  lr: number;
  weightDecay: number;
}

/** `count` parameters of 0.5 with gradients of 0.01, and states of 1 under these names. */
export function gradientParameters<Name extends string>(
  count: number,
  states: readonly Name[],
): (GradientParameter & Record<Name, Tensor>)[] {
  return Array.from({ length: count }, () => {
    const parameter = full(0.5);
    parameter.requiresGrad = true;
    parameter.grad = full(0.01);
    const own = Object.fromEntries(states.map((name) => [name, full(1)])) as Record<Name, Tensor>;
    return { parameter, lr: 1e-3, weightDecay: 0.01, ...own };
  });
}
