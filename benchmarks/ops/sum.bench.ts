import { sum } from "../../src/tensor/ops/reduce.js";
import { benchOp } from "../support/op.js";

const shape = [4096, 768];
const n = shape[0] * shape[1];
for (const dim of [undefined, 0, 1]) {
  await benchOp({
    op: "sum",
    variant: dim === undefined ? "all" : `dimension ${dim}`,
    shapes: [shape],
    fn: (x) => sum(x, { dim }),
    floats: { forward: n, both: 2 * n },
    loop: dim === undefined ? ([x]) => x.reduce((s, v) => s + v, 0) : undefined,
  });
}
