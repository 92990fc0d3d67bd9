import { segmentReduce } from "../../src/tensor/ops/segment.js";
import { tensor } from "../../src/tensor/tensor.js";
import { benchOp } from "../support/op.js";

// Pooling of 64 sequences of 64 tokens.
const [batch, time, width] = [64, 64, 768];
const offsets = tensor(
  Int32Array.from({ length: batch + 1 }, (_, b) => b * time),
  [batch + 1],
);
const n = batch * time * width;
for (const kind of ["mean", "max"] as const) {
  await benchOp({
    op: "segment_reduce",
    variant: kind,
    shapes: [[batch * time, width]],
    fn: (x) => segmentReduce(x, offsets, kind),
    floats: { forward: n, both: 2 * n },
  });
}
