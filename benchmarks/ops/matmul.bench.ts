// matmul: many small products (one per head), and two large ones.
import { synchronize } from "../../src/tensor/device.js";
import { matmul } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const sizes = [
  [96, 128, 64, 128],
  [384, 32, 64, 32],
  [2, 768, 768, 768],
];

for (const [batch, m, k, n] of sizes) {
  const a = tensor(randomData([batch, m, k], 1), [batch, m, k]);
  const b = tensor(randomData([batch, n, k], 2), [batch, n, k]);
  await bench({
    op: "matmul",
    variant: "b transposed",
    shape: [batch, m, k, n],
    dtype: "f32",
    flops: 2 * batch * m * k * n,
    run: async () => {
      scope(() => noGrad(() => void matmul(a, b, { transposeB: true })));
      await synchronize();
    },
  });
}
