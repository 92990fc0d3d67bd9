import { rmsNorm } from "../../src/tensor/ops/norm.js";
import { benchOp } from "../support/op.js";

// 8 x 128 tokens of 768; alone, and as the end of a pre-norm block, which carries the sum on.
const [rows, width] = [1024, 768];
const n = rows * width;
const [full, row] = [[rows, width], [width]];

await benchOp({
  op: "rms_norm",
  shapes: [full, row],
  fn: (x, weight) => rmsNorm(x, weight),
  floats: { forward: 2 * n, both: 5 * n },
});

await benchOp({
  op: "rms_norm",
  variant: "residual",
  shapes: [full, full, row],
  fn: (x, residual, weight) => rmsNorm(x, weight, { residual }),
  floats: { forward: 3 * n, both: 8 * n },
});
