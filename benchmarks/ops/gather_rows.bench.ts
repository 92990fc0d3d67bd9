// gather_rows: the labelled tenth of the tokens, and the scatter of the gradient.
import { synchronize } from "../../src/tensor/device.js";
import { gatherRows } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [rows, width, count] = [8192, 768, 820];
const x = tensor(randomData([rows, width], 1), [rows, width], { requiresGrad: true });
const index = tensor(randomIntegers([count], 2, 0, rows), [count]);
const upstream = tensor(randomData([count, width], 3), [count, width]);

await bench({
  op: "gather_rows",
  variant: "forward",
  shape: [rows, width, count],
  dtype: "f32",
  bytes: 2 * count * width * 4,
  run: async () => {
    scope(() => noGrad(() => void gatherRows(x, index)));
    await synchronize();
  },
});
await bench({
  op: "gather_rows",
  variant: "forward and backward",
  shape: [rows, width, count],
  dtype: "f32",
  bytes: (3 * count + rows) * width * 4,
  run: async () => {
    scope(() => gatherRows(x, index).backward(upstream));
    x.grad = null;
    await synchronize();
  },
});
