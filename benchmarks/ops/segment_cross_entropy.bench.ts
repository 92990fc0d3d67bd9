import { segmentCrossEntropy } from "../../src/tensor/ops/segment.js";
import { tensor } from "../../src/tensor/tensor.js";
import { benchOp } from "../support/op.js";

// The start positions of 32 questions over 384 tokens.
const [batch, time] = [32, 384];
const offsets = tensor(
  Int32Array.from({ length: batch + 1 }, (_, b) => b * time),
  [batch + 1],
);
const labels = tensor(
  Int32Array.from({ length: batch }, (_, b) => 7 * b),
  [batch],
);
await benchOp({
  op: "segment_cross_entropy",
  shapes: [[batch * time]],
  fn: (x) => segmentCrossEntropy(x, offsets, labels),
  floats: { forward: batch * time, both: 3 * batch * time },
});
