// cast of a weight matrix: to bf16 and back, and to integers.
import { synchronize } from "../../src/tensor/device.js";
import { cast } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const shape = [3072, 768];
const size = { f32: 4, bf16: 2, i32: 4, i8: 1, u8: 1 };
for (const [from, to] of [
  ["f32", "bf16"],
  ["bf16", "f32"],
  ["f32", "i8"],
  ["i8", "f32"],
] as const) {
  const x = cast(tensor(randomData(shape, 1, 20), shape), from);
  await bench({
    op: "cast",
    variant: `${from} to ${to}`,
    shape,
    dtype: from,
    bytes: shape[0] * shape[1] * (size[from] + size[to]),
    run: async () => {
      scope(() => noGrad(() => void cast(x, to)));
      await synchronize();
    },
  });
}
