import { lstm } from "../../src/tensor/ops/lstm.js";
import { tensor } from "../../src/tensor/tensor.js";
import { benchOp } from "../support/op.js";

// One direction over 32 sentences of 8 to 39 words: from BERT-base's width to 256 units. What is read and written
// least are x, the weights, the gates and the output.
const lengths = Array.from({ length: 32 }, (_, b) => 8 + b);
const offsets = [0];
for (const length of lengths) offsets.push(offsets[offsets.length - 1] + length);
const rows = offsets[lengths.length];
const [width, hidden] = [768, 256];
const weights = 4 * hidden * (width + hidden + 2);
const forward = rows * (width + 8 * hidden) + weights;
await benchOp({
  op: "lstm",
  shapes: [[rows, width], [4 * hidden, width], [4 * hidden, hidden], [4 * hidden], [4 * hidden]],
  prepare: (value) => value / 16,
  fn: (x, weightIh, weightHh, biasIh, biasHh) =>
    lstm(x, tensor(Int32Array.from(offsets), [offsets.length]), { weightIh, weightHh, biasIh, biasHh })
      .output,
  floats: { forward, both: 3 * forward },
});
