import { mse } from "../../src/tensor/ops/loss.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { benchOp } from "../support/op.js";

const shape = [4096, 768];
const n = shape[0] * shape[1];
const target = tensor(randomData(shape, 2), shape);
await benchOp({
  op: "mse",
  shapes: [shape],
  fn: (x) => mse(x, target),
  floats: { forward: 2 * n, both: 5 * n },
});
