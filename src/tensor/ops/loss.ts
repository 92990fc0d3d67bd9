// Losses: scalars to call backward() on.
import { callOp, handleOf, optionalHandle, requireInteger, requireNumber, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";
import { type Reduction, reductionNumber } from "./reduction.js";

export type { Reduction };

export interface CrossEntropyOptions {
  /** Rows with this label have no loss and no gradient; default -100. May be one of the classes. */
  ignoreIndex?: number;
  /** From 0 to 1: this share of every label is spread evenly over all classes; default 0. */
  labelSmoothing?: number;
  /** (V): the weight of each class. Takes no gradient. */
  weight?: Tensor | null;
  /** Default "mean": over the rows not ignored (with `weight`, by the weights of their labels). */
  reduction?: Reduction;
}

/**
 * Softmax and negative log-likelihood in one, as torch.nn.functional.cross_entropy with class indices;
 * weights and label smoothing (Szegedy et al. 2016, section 7) combine as they do there.
 *
 * @param logits f32 (N, V); a range of columns is read as it is
 * @param labels i32 (N): 0 to V - 1, or ignoreIndex
 * @returns a scalar, or (N) without reduction. The mean over no rows is NaN, with a gradient of 0.
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT at the call; ERR_DATA when the result is read, for a label
 *   outside 0..V-1
 * @example ops.crossEntropy(logits, labels, { labelSmoothing: 0.1 }).backward();
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const op = "cross_entropy";
  requireObject(options, op);
  return callOp(
    op,
    handleOf(logits, op, "logits"),
    handleOf(labels, op, "labels"),
    optionalHandle(options.weight, op, "weight"),
    requireInteger(options.ignoreIndex ?? -100, op, "ignoreIndex"),
    requireNumber(options.labelSmoothing ?? 0, op, "labelSmoothing"),
    reductionNumber(options.reduction, op),
  );
}

export interface LinearCrossEntropyOptions {
  /** (V): added to the logits. */
  bias?: Tensor | null;
  /** Multiplies x weightᵀ, before the bias; default 1. T5 with tied embeddings uses C^-0.5. */
  scale?: number;
  /** As in {@link CrossEntropyOptions}. */
  ignoreIndex?: number;
  labelSmoothing?: number;
  reduction?: Reduction;
}

/**
 * `crossEntropy(scale · x weightᵀ + bias, labels)` without the (N, V) logits: rows with the label ignoreIndex
 * are left out of the projection, and the vocabulary goes by in blocks. Works in max(4 MB, 1 KB per row) beside
 * the rows that count and the gradients; at most 32 MB of logits are kept for backward, which makes the others
 * again. Gradients for x, weight and bias; class weights are not supported.
 *
 * @param x f32 (N, C); a range of columns is read as it is
 * @param weight f32 (V, C): an output layer, or the word embeddings that it is tied to
 * @param labels i32 (N): 0 to V - 1, or ignoreIndex
 * @returns a scalar, or (N) without reduction. The mean over no rows is NaN, with a gradient of 0.
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT at the call; ERR_DATA when the result is read, for a label
 *   outside 0..V-1
 * @example ops.linearCrossEntropy(hidden, words, labels, { bias }).backward();
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  labels: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const op = "linear_cross_entropy";
  requireObject(options, op);
  return callOp(
    op,
    handleOf(x, op, "x"),
    handleOf(weight, op, "weight"),
    optionalHandle(options.bias, op, "bias"),
    handleOf(labels, op, "labels"),
    requireInteger(options.ignoreIndex ?? -100, op, "ignoreIndex"),
    requireNumber(options.labelSmoothing ?? 0, op, "labelSmoothing"),
    reductionNumber(options.reduction, op),
    requireNumber(options.scale ?? 1, op, "scale"),
  );
}

/**
 * The squared error (x - target)²; torch.nn.functional.mse_loss. Gradients go to both.
 *
 * @param x f32, any shape
 * @param target f32, the same shape
 * @returns a scalar, or x's shape without reduction. The mean over nothing is NaN.
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT at the call; ERR_DATA when the result is read, for a target
 *   that is NaN
 * @example ops.mse(predicted, target).backward();
 */
export function mse(x: Tensor, target: Tensor, options: { reduction?: Reduction } = {}): Tensor {
  const reduction = reductionNumber(requireObject(options, "mse").reduction, "mse");
  return callOp("mse", handleOf(x, "mse", "x"), handleOf(target, "mse", "target"), reduction);
}

/**
 * Binary cross entropy of sigmoid(logits), computed without overflow or loss of digits;
 * torch.nn.functional.binary_cross_entropy_with_logits:
 * (1 - t) softplus(x) + w t softplus(-x).
 *
 * @param logits f32 (..., C)
 * @param target f32, the same shape, from 0 to 1; takes no gradient
 * @param options posWeight: (C) or one element, the weight w of positive targets
 * @returns a scalar, or the shape of logits without reduction. The mean over nothing is NaN.
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT at the call; ERR_DATA when the result is read, for a target
 *   that is NaN
 * @example ops.bceWithLogits(logits, target, { reduction: "sum" }).backward();
 */
export function bceWithLogits(
  logits: Tensor,
  target: Tensor,
  options: { posWeight?: Tensor | null; reduction?: Reduction } = {},
): Tensor {
  const op = "bce_with_logits";
  requireObject(options, op);
  return callOp(
    op,
    handleOf(logits, op, "logits"),
    handleOf(target, op, "target"),
    optionalHandle(options.posWeight, op, "posWeight"),
    reductionNumber(options.reduction, op),
  );
}
