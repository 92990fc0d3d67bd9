// adamw over the parameters of BERT-base's encoder and word table (a quarter of them by default: the rate is
// the same). Read: p, m, v, and the gradient twice (norm and step); written: p, m, v.
import { synchronize } from "../../src/tensor/device.js";
import { adamw } from "../../src/tensor/ops/optimizer.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { countOf } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const layers = Number(process.env.ATHANOR_BENCH_LAYERS ?? 3);
const shapes: number[][] = [[7630, 768]];
for (let layer = 0; layer < layers; layer++) {
  shapes.push([2304, 768], [2304], [768, 768], [768], [768], [768]);
  shapes.push([3072, 768], [3072], [768, 3072], [768], [768], [768]);
}
const full = (shape: number[], value: number) => tensor(new Float32Array(countOf(shape)).fill(value), shape);
const parameters = shapes.map((shape) => {
  const parameter = full(shape, 0.5);
  parameter.requiresGrad = true;
  parameter.grad = full(shape, 0.01);
  return { parameter, m: full(shape, 0), v: full(shape, 0), lr: 1e-5, weightDecay: 0.01 };
});
const count = shapes.reduce((sum, shape) => sum + countOf(shape), 0);

let step = 0;
await bench({
  op: "adamw",
  variant: "clipped",
  shape: [parameters.length, count],
  dtype: "f32",
  bytes: 8 * count * 4,
  run: async () => {
    step++;
    scope(() => void adamw(parameters, { beta1: 0.9, beta2: 0.999, eps: 1e-8, step, maxNorm: 1 }));
    await synchronize();
  },
});
