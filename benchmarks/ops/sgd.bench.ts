// sgd with momentum over eight weight matrices. Read: p, the buffer, and the gradient twice; written: p, the
// buffer.
import { synchronize } from "../../src/tensor/device.js";
import { sgd } from "../../src/tensor/ops/optimizer.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { bench } from "../support/runner.js";

const shape = [3072, 768];
const size = shape[0] * shape[1];
const full = (value: number) => tensor(new Float32Array(size).fill(value), shape);
const parameters = Array.from({ length: 8 }, () => {
  const parameter = full(0.5);
  parameter.requiresGrad = true;
  parameter.grad = full(0.01);
  return { parameter, buffer: full(0), lr: 1e-3, weightDecay: 0.01, first: false };
});

await bench({
  op: "sgd",
  variant: "momentum, clipped",
  shape: [parameters.length, ...shape],
  dtype: "f32",
  bytes: 6 * parameters.length * size * 4,
  run: async () => {
    scope(() => void sgd(parameters, { momentum: 0.9, maxNorm: 1 }));
    await synchronize();
  },
});
