// split: the gradient of three parts that do not lie side by side, put together.
import { synchronize } from "../../src/tensor/device.js";
import { add, split } from "../../src/tensor/ops.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [rows, width] = [2048, 768];
const x = tensor(randomData([rows, 3 * width], 1), [rows, 3 * width], { requiresGrad: true });
const upstream = tensor(randomData([rows, width], 2), [rows, width]);

await bench({
  op: "split",
  variant: "split in 3, two adds, backward",
  shape: [rows, 3 * width],
  dtype: "f32",
  bytes: (6 + 6) * rows * width * 4, // the adds read and write 6 parts, the gradient 6
  run: async () => {
    scope(() => {
      const [a, b, c] = split(x, 3);
      add(add(a, b), c).backward(upstream);
    });
    x.grad = null;
    await synchronize();
  },
});
