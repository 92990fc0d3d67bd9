import { where } from "../../src/tensor/ops/elementwise.js";
import { tensor } from "../../src/tensor/tensor.js";
import { benchOp, elementLoop } from "../support/op.js";

const shape = [4096, 768];
const n = shape[0] * shape[1];
const chosen = Uint8Array.from({ length: n }, (_, i) => ((i * 2654435761) >>> 7) & 1);
const condition = tensor(chosen, shape);
await benchOp({
  op: "where",
  shapes: [shape, shape],
  fn: (a, b) => where(condition, a, b),
  floats: { forward: 3.25 * n, both: 7.75 * n },
  loop: elementLoop(([a, b], i) => (chosen[i] ? a[i] : b[i])),
});
