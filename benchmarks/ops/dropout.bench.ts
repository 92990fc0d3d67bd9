import { dropout } from "../../src/tensor/ops/norm.js";
import { benchOp } from "../support/op.js";

const shape = [1024, 3072];
const n = shape[0] * shape[1];
await benchOp({
  op: "dropout",
  shapes: [shape],
  fn: (x) => dropout(x, 0.1),
  floats: { forward: 2 * n, both: 4 * n },
});
