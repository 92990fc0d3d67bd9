import { crfNll } from "../../src/tensor/ops/crf.js";
import { benchOp } from "../support/op.js";
import { crfBatch } from "./crf-batch.js";

// 32 sentences of 8 to 39 words, WNUT-17's 13 tags.
const { rows, tags, offsets, labels } = crfBatch();
await benchOp({
  op: "crf_nll",
  shapes: [[rows, tags], [tags, tags], [tags], [tags]],
  fn: (emissions, transitions, start, end) => crfNll(emissions, offsets, labels, { transitions, start, end }),
  floats: { forward: 2 * rows * tags, both: 4 * rows * tags },
});
