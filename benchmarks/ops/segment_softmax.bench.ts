import { segmentSoftmax } from "../../src/tensor/ops/segment.js";
import { tensor } from "../../src/tensor/tensor.js";
import { benchOp } from "../support/op.js";

// One score per token, and one per token and head, over 256 sequences of 128 tokens.
const [batch, time] = [256, 128];
const offsets = tensor(
  Int32Array.from({ length: batch + 1 }, (_, b) => b * time),
  [batch + 1],
);
for (const shape of [[batch * time], [batch * time, 12]]) {
  const n = batch * time * (shape[1] ?? 1);
  await benchOp({
    op: "segment_softmax",
    shapes: [shape],
    fn: (x) => segmentSoftmax(x, offsets),
    floats: { forward: 2 * n, both: 5 * n },
  });
}
