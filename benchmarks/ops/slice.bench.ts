// slice where it copies (an inner dimension), and its gradient where the forward is a view (columns).
import { synchronize } from "../../src/tensor/device.js";
import { slice } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const cube = tensor(randomData([64, 128, 256], 1), [64, 128, 256]);
await bench({
  op: "slice",
  variant: "inner dimension, copied",
  shape: [64, 128, 256],
  dtype: "f32",
  bytes: 2 * 64 * 128 * 128 * 4,
  run: async () => {
    scope(() => noGrad(() => void slice(cube, 64, 192, 2)));
    await synchronize();
  },
});

const x = tensor(randomData([2048, 2304], 2), [2048, 2304], { requiresGrad: true });
const upstream = tensor(randomData([2048, 768], 3), [2048, 768]);
await bench({
  op: "slice",
  variant: "columns, forward (a view) and backward",
  shape: [2048, 2304],
  dtype: "f32",
  bytes: 2048 * (768 + 2304) * 4,
  run: async () => {
    scope(() => slice(x, 768, 1536, 1).backward(upstream));
    x.grad = null;
    await synchronize();
  },
});
