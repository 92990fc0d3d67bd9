import { crfDecode } from "../../src/tensor/ops/crf.js";
import { benchOp } from "../support/op.js";
import { crfBatch } from "./crf-batch.js";

// 32 sentences of 8 to 39 words, WNUT-17's 13 tags.
const { rows, tags, offsets } = crfBatch();
await benchOp({
  op: "crf_decode",
  shapes: [[rows, tags], [tags, tags], [tags], [tags]],
  fn: (emissions, transitions, start, end) => crfDecode(emissions, offsets, { transitions, start, end }).tags,
  floats: { forward: rows * (tags + 1) },
});
