import { l2Normalize } from "../../src/tensor/ops/reduce.js";
import { benchOp } from "../support/op.js";

const shape = [4096, 768];
const n = shape[0] * shape[1];
await benchOp({
  op: "l2_normalize",
  shapes: [shape],
  fn: (x) => l2Normalize(x),
  floats: { forward: 2 * n, both: 5 * n },
});
