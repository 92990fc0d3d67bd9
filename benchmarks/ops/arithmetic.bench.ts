import { add, div, mul } from "../../src/tensor/ops/elementwise.js";
import { benchOp, elementLoop } from "../support/op.js";

const [rows, width] = [4096, 768];
const n = rows * width;
const full = [rows, width];
await benchOp({
  op: "arithmetic",
  variant: "add, equal shapes",
  shapes: [full, full],
  fn: add,
  floats: { forward: 3 * n },
  loop: elementLoop(([a, b], i) => a[i] + b[i]),
});
await benchOp({
  op: "arithmetic",
  variant: "mul, equal shapes",
  shapes: [full, full],
  fn: mul,
  floats: { forward: 3 * n, both: 9 * n },
});
await benchOp({
  op: "arithmetic",
  variant: "add, a row",
  shapes: [full, [width]],
  fn: add,
  floats: { forward: 2 * n, both: 3 * n },
});
await benchOp({
  op: "arithmetic",
  variant: "mul, a column",
  shapes: [full, [rows, 1]],
  fn: mul,
  floats: { forward: 2 * n, both: 6 * n },
});
await benchOp({
  op: "arithmetic",
  variant: "div, a number",
  shapes: [full],
  fn: (x) => div(x, 3),
  floats: { forward: 2 * n, both: 4 * n },
});
