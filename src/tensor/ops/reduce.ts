// Reductions: sums and means, softmax and its relatives, rows of length one.
import { callOp, handleOf, requireInteger, requireNumber, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";

export interface ReduceOptions {
  /** The dimension to reduce, negative from the end; all of them if left out. */
  dim?: number;
  /** Keep what was reduced as dimensions of size 1; default false. */
  keepDims?: boolean;
}

function reduce(op: "sum" | "mean", x: Tensor, options: ReduceOptions): Tensor {
  requireObject(options, op);
  const handle = handleOf(x, op, "x");
  let dim = -1;
  if (options.dim !== undefined) {
    const rank = x.shape.length;
    dim = requireInteger(options.dim, op, "dim", -rank, rank - 1);
    if (dim < 0) dim += rank;
  }
  return callOp(op, handle, dim, options.keepDims ? 1 : 0);
}

/**
 * The sum of all elements, or of one dimension. Long sums are carried in double: 1e7 elements keep float32's
 * accuracy, and the result does not depend on the number of threads. The sum of nothing is 0.
 *
 * @param x f32, any shape
 * @throws ERR_ARGUMENT for a dimension that x does not have
 * @example ops.sum(x, { dim: 1 }); // (T, C) -> (T)
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("sum", x, options);
}

/**
 * The mean of all elements, or over one dimension; see {@link sum}. The mean of nothing is NaN.
 * @example ops.mean(x, { dim: 0 }); // (T, C) -> (C)
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("mean", x, options);
}

/**
 * exp(x) / Σ exp(x) over the last dimension, computed from x - max. A row of nothing but -Infinity gives NaN,
 * as in PyTorch.
 * @param x f32, at least one dimension
 * @throws ERR_SHAPE for a scalar
 * @example ops.softmax(tensor([0, 0], [1, 2])); // [[0.5, 0.5]]
 */
export function softmax(x: Tensor): Tensor {
  return callOp("softmax", handleOf(x, "softmax", "x"));
}

/**
 * log(softmax(x)) over the last dimension, without the loss of digits of the two in turn. A row of nothing
 * but -Infinity gives NaN.
 * @param x f32, at least one dimension
 * @throws ERR_SHAPE for a scalar
 * @example ops.logSoftmax(tensor([0, 0], [1, 2])); // [[-0.6931, -0.6931]]
 */
export function logSoftmax(x: Tensor): Tensor {
  return callOp("log_softmax", handleOf(x, "log_softmax", "x"));
}

/**
 * log Σ exp(x) over the last dimension, which is dropped. A row of nothing but -Infinity, or of width 0,
 * gives -Infinity.
 * @param x f32, at least one dimension
 * @param options keepDims: keep the last dimension, with size 1
 * @throws ERR_SHAPE for a scalar
 * @example ops.logsumexp(tensor([0, 0], [1, 2])); // [0.6931]
 */
export function logsumexp(x: Tensor, options: { keepDims?: boolean } = {}): Tensor {
  const { keepDims } = requireObject(options, "logsumexp");
  return callOp("logsumexp", handleOf(x, "logsumexp", "x"), keepDims ? 1 : 0);
}

/**
 * x / max(|x|, eps) per row of the last dimension, |x| its Euclidean norm; torch.nn.functional.normalize.
 * @param x f32, at least one dimension
 * @param options eps: 1e-12 unless given; 0 or more
 * @throws ERR_SHAPE for a scalar, ERR_ARGUMENT for a negative eps
 * @example ops.l2Normalize(tensor([3, 4], [1, 2])); // [[0.6, 0.8]]
 */
export function l2Normalize(x: Tensor, options: { eps?: number } = {}): Tensor {
  const eps = requireNumber(requireObject(options, "l2_normalize").eps ?? 1e-12, "l2_normalize", "eps");
  return callOp("l2_normalize", handleOf(x, "l2_normalize", "x"), eps);
}
