import { softmax } from "../../src/tensor/ops/reduce.js";
import { benchOp } from "../support/op.js";

// Attention scores, a classifier over a vocabulary, and many short rows.
for (const shape of [
  [12_288, 128],
  [128, 30_522],
  [262_144, 5],
]) {
  const n = shape[0] * shape[1];
  await benchOp({
    op: "softmax",
    shapes: [shape],
    fn: (x) => softmax(x),
    floats: { forward: 2 * n, both: 5 * n },
  });
}
