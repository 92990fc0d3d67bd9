// linear at BERT-base's sizes: forward alone, and with all three gradients.
import { synchronize } from "../../src/tensor/device.js";
import { linear } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const sizes = [
  [128, 768, 768],
  [1024, 768, 2304],
  [1024, 768, 3072],
  [1024, 3072, 768],
];

for (const [rows, wide, out] of sizes) {
  const shape = [rows, wide, out];
  const leaf = (dims: number[], seed: number) => tensor(randomData(dims, seed), dims, { requiresGrad: true });
  const [x, weight, bias] = [leaf([rows, wide], 1), leaf([out, wide], 2), leaf([out], 3)];
  const upstream = tensor(randomData([rows, out], 4), [rows, out]);
  const products = 2 * rows * wide * out;
  for (const activation of ["none", "gelu"] as const) {
    await bench({
      op: "linear",
      variant: `forward, ${activation}`,
      shape,
      dtype: "f32",
      flops: products,
      run: async () => {
        scope(() => noGrad(() => void linear(x, weight, bias, { activation })));
        await synchronize();
      },
    });
  }
  await bench({
    op: "linear",
    variant: "forward and backward, gelu",
    shape,
    dtype: "f32",
    flops: 3 * products,
    run: async () => {
      scope(() => linear(x, weight, bias, { activation: "gelu" }).backward(upstream));
      for (const t of [x, weight, bias]) t.grad = null;
      await synchronize();
    },
  });
  for (const t of [x, weight, bias, upstream]) t.dispose();
}
