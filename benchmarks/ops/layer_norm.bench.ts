import { layerNorm } from "../../src/tensor/ops/norm.js";
import { benchOp } from "../support/op.js";

// BERT-base: a batch of 8 x 128 tokens; alone, and as the end of a block.
const [rows, width] = [1024, 768];
const n = rows * width;
const [full, row] = [[rows, width], [width]];

await benchOp({
  op: "layer_norm",
  shapes: [full, row, row],
  fn: (x, weight, bias) => layerNorm(x, weight, bias),
  floats: { forward: 2 * n, both: 5 * n },
});

for (const dropout of [0, 0.1]) {
  await benchOp({
    op: "layer_norm",
    variant: dropout ? "residual, dropout 0.1" : "residual",
    shapes: [full, full, row, row],
    fn: (x, residual, weight, bias) => layerNorm(x, weight, bias, { residual, dropout }),
    floats: { forward: 3 * n, both: 8 * n },
  });
}
