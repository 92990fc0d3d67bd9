// Ops that move elements without computing: look-ups of rows, ranges, joining, transposing, other dtypes.
import { AthanorError } from "../../errors.js";
import { type DType, dtypeNames } from "../../native/contract.js";
import { callOp, callOpMany, handleOf, requireInteger } from "../call.js";
import type { Tensor } from "../tensor.js";

/**
 * Rows of x by number: `y[i] = x[index[i]]`, as torch.index_select over the first dimension. Gradient for x
 * (f32).
 *
 * @param x (N, ...), one to four dimensions, any dtype
 * @param index (M), i32, each 0 to N - 1; rows may repeat
 * @returns (M, ...)
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED. An index outside is ERR_DATA, found when the op runs: it comes
 *   from `data()` of the result.
 * @example
 * const first = ops.gatherRows(hidden, tensor(Int32Array.of(0, 7, 12), [3])); // (3, C)
 */
export function gatherRows(x: Tensor, index: Tensor): Tensor {
  return callOp("gather_rows", handleOf(x, "gather_rows", "x"), handleOf(index, "gather_rows", "index"));
}

/**
 * Indices `begin` to `end` (not included) of one dimension, any dtype. Rows, and the columns of a matrix, are
 * views: nothing is copied. Gradient for x.
 *
 * @param dim the dimension; negative counts from the last
 * @throws ERR_ARGUMENT for a range outside, ERR_SHAPE for a scalar, ERR_DISPOSED
 * @example
 * const queries = ops.slice(qkv, 0, 768, 1); // (T, 2304) gives (T, 768)
 */
export function slice(x: Tensor, begin: number, end: number, dim = 0): Tensor {
  const handle = handleOf(x, "slice", "x");
  return callOp("slice", handle, dimension(x, dim, "slice", "dim"), begin, end);
}

/**
 * The columns of a matrix in n equal parts, as views. If the gradients of the parts arrive side by side in
 * one matrix, as attention leaves those of query, key and value, that matrix is the gradient, without a copy.
 *
 * @param x (T, n C), any dtype
 * @returns n tensors (T, C)
 * @throws ERR_SHAPE when the columns do not divide by n, ERR_ARGUMENT, ERR_DISPOSED
 * @example
 * const [q, k, v] = ops.split(ops.linear(x, qkvWeight, qkvBias), 3);
 */
export function split(x: Tensor, n: number): Tensor[] {
  return callOpMany("split", handleOf(x, "split", "x"), requireInteger(n, "split", "n", 1));
}

/**
 * Tensors joined along one dimension; in the others they are equal. One dtype. Gradients for all.
 *
 * @param tensors 1 to 4096, one to four dimensions
 * @param dim negative counts from the last
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DISPOSED
 * @example
 * const both = ops.concat([a, b], 1); // (T, 3) and (T, 4) give (T, 7)
 */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (!Array.isArray(tensors) || tensors.length === 0) {
    throw new AthanorError("ERR_ARGUMENT", "concat: tensors must be an array with at least one tensor");
  }
  const inputs = tensors.map((t, i) => handleOf(t, "concat", `tensors[${i}]`));
  return callOp("concat", dimension(tensors[0], dim, "concat", "dim"), ...inputs);
}

/**
 * A copy with two dimensions swapped; the last two by default. Any dtype. Gradient for x.
 *
 * @param x one to four dimensions
 * @param dim0 negative counts from the last
 * @param dim1 negative counts from the last
 * @throws ERR_ARGUMENT, ERR_SHAPE for a scalar, ERR_DISPOSED
 * @example
 * const columns = ops.transpose(tensor([1, 2, 3, 4, 5, 6], [2, 3])); // [[1, 4], [2, 5], [3, 6]]
 */
export function transpose(x: Tensor, dim0 = -2, dim1 = -1): Tensor {
  const handle = handleOf(x, "transpose", "x");
  return callOp(
    "transpose",
    handle,
    dimension(x, dim0, "transpose", "dim0"),
    dimension(x, dim1, "transpose", "dim1"),
  );
}

/**
 * The elements in another dtype; x itself if it has that dtype. To bf16 by rounding to nearest even; to
 * integers towards zero, values out of range become the nearest the dtype has, NaN becomes 0. Between f32 and
 * bf16 the gradient passes unchanged, in f32; integers have none.
 *
 * @throws ERR_DTYPE for an unknown dtype, ERR_DISPOSED
 * @example
 * const ids = ops.cast(tensor([1.9, -1.9, 1e12], [3]), "i32"); // [1, -1, 2147483647]
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  const number = dtypeNames.indexOf(dtype);
  if (number < 0) {
    throw new AthanorError(
      "ERR_DTYPE",
      `cast: dtype must be one of ${dtypeNames.join(", ")}, got ${String(dtype)}`,
    );
  }
  return callOp("cast", handleOf(x, "cast", "x"), number);
}

/** The dimension's number from 0. */
function dimension(x: Tensor, dim: number, op: string, name: string): number {
  const rank = x.shape.length;
  if (rank === 0)
    throw new AthanorError("ERR_SHAPE", `${op}: x must have at least one dimension, got a scalar`);
  const value = requireInteger(dim, op, name, -rank, rank - 1);
  return value < 0 ? value + rank : value;
}
