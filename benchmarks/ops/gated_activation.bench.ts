import { gatedActivation } from "../../src/tensor/ops/gated.js";
import { benchOp } from "../support/op.js";

// T5 v1.1 base: 8 x 128 tokens, inner size 2048, gate and up side by side.
const [rows, inner] = [1024, 2048];
const n = rows * inner;

for (const activation of ["gelu", "gelu_tanh", "silu", "relu"] as const) {
  await benchOp({
    op: "gated_activation",
    variant: activation,
    shapes: [[rows, 2 * inner]],
    fn: (x) => gatedActivation(x, activation),
    floats: { forward: 3 * n, both: 8 * n },
  });
}
