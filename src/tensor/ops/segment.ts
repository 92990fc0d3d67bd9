// Reductions over the sequences of a ragged batch. The arithmetic is in native/ops/segment.
import { AthanorError } from "../../errors.js";
import { callOp, handleOf, requireInteger, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";

const kinds = ["sum", "mean", "max"] as const; // SegmentKind in native/ops/segment/segment.h
export type SegmentKind = (typeof kinds)[number];

/**
 * Sum, mean or largest element of each column over the rows of each sequence: pooling.
 *
 * x is f32 (T, C), offsets i32 (B+1): sequence b is rows offsets[b] to offsets[b+1]. The result is (B, C). An empty
 * sequence gives 0 for sum and mean, and is ERR_DATA for max. The gradient of max goes to the first largest row.
 *
 * Throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DATA.
 *
 * @example
 * const offsets = tensor([0, 2, 3], [3], { dtype: "i32" });
 * const pooled = segmentReduce(tensor([1, 3, 5], [3, 1]), offsets, "mean"); // (2, 1): 2, 5
 */
export function segmentReduce(x: Tensor, offsets: Tensor, kind: SegmentKind): Tensor {
  const op = "segment_reduce";
  const number = kinds.indexOf(kind);
  if (number < 0) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `segment_reduce: kind must be sum, mean or max, got ${String(kind)}`,
    );
  }
  return callOp(op, handleOf(x, op, "x"), handleOf(offsets, op, "offsets"), number);
}

/**
 * Softmax over the rows of each sequence, each column on its own: attention pooling, scores over a text's tokens.
 *
 * x is f32 (T) or (T, C), offsets i32 (B+1); the result has x's shape, and every sequence's rows sum to 1.
 *
 * Throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DATA.
 *
 * @example
 * const offsets = tensor([0, 2, 3], [3], { dtype: "i32" });
 * const p = segmentSoftmax(tensor([1, 1, 7], [3]), offsets); // 0.5, 0.5, 1
 */
export function segmentSoftmax(x: Tensor, offsets: Tensor): Tensor {
  const op = "segment_softmax";
  return callOp(op, handleOf(x, op, "x"), handleOf(offsets, op, "offsets"));
}

/**
 * Cross entropy over the rows of each sequence: one label per sequence, the position of the right row within it.
 * The loss of extractive question answering (a softmax over the real tokens alone) and of ragged multiple choice.
 *
 * logits is f32 (T), offsets i32 (B+1), labels i32 (B). A label that equals ignoreIndex or lies outside its sequence
 * is not counted; the result is the mean over counted sequences, a scalar, and NaN when there is none (its gradient
 * is then 0), as `torch.nn.functional.cross_entropy` has it.
 *
 * Throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DATA.
 *
 * @example
 * const offsets = tensor([0, 2, 5], [3], { dtype: "i32" });
 * const labels = tensor([0, 2], [2], { dtype: "i32" });
 * const loss = segmentCrossEntropy(tensor([0, 0, 0, 0, 0], [5]), offsets, labels); // (ln 2 + ln 3) / 2
 */
export function segmentCrossEntropy(
  logits: Tensor,
  offsets: Tensor,
  labels: Tensor,
  options: { ignoreIndex?: number } = {},
): Tensor {
  const op = "segment_cross_entropy";
  requireObject(options, op);
  return callOp(
    op,
    handleOf(logits, op, "logits"),
    handleOf(offsets, op, "offsets"),
    handleOf(labels, op, "labels"),
    requireInteger(options.ignoreIndex ?? -100, op, "ignoreIndex"),
  );
}
