// Ops on caches of keys and values, for decoding. The arithmetic is in native/ops/write_rows and cached_attention.
import {
  callOp,
  callOpMany,
  handleOf,
  optionalHandle,
  requireInteger,
  requireNumber,
  requireObject,
} from "../call.js";
import type { Tensor } from "../tensor.js";
import { type RelativeBias, relativeArguments } from "./attention.js";

/**
 * Writes rows in place: `target[rows[i]] = x[i]`, as torch.Tensor.index_copy_ over the first dimension. What is queued
 * later reads the new rows; a pending backward that still needs the old ones throws ERR_VERSION. No gradient.
 *
 * @param target (R, C), any dtype; a range of columns is written where it lies
 * @param rows (N), i32, distinct, each 0 to R - 1
 * @param x (N, C) of target's dtype; a range of columns is read without a copy. Neither rows nor x may lie in target's memory
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED; ERR_ARGUMENT for rows that repeat or lie outside, and for tensors that
 *   require a gradient outside noGrad. Rows made by an op that turn out wrong are ERR_DATA, from whoever reads target,
 *   of which nothing has been written.
 * @example
 * ops.writeRows(keys, tensor(Int32Array.of(5, 2), [2]), newKeys); // keys[5] = newKeys[0], keys[2] = newKeys[1]
 */
export function writeRows(target: Tensor, rows: Tensor, x: Tensor): void {
  const op = "write_rows";
  callOpMany(op, handleOf(target, op, "target"), handleOf(rows, op, "rows"), handleOf(x, op, "x"));
}

export interface CachedAttentionOptions {
  /** Number of heads H; rows hold H heads of D columns side by side. D is 1 to 256, on CUDA to 128. */
  heads: number;
  /** i32 (N): how many keys each query attends to; 0 gives a row of zeros. */
  lengths: Tensor;
  /** i32 (N, L): the cache rows of query i are rows[i][0 .. lengths[i]); what follows is not read. Either this or starts. */
  rows?: Tensor | null;
  /** i32 (N): the cache rows of query i are starts[i] to starts[i] + lengths[i], as for the source of a translation. */
  starts?: Tensor | null;
  /** Factor of the scores; default 1 / sqrt(D). T5 uses 1. */
  scale?: number;
  /** T5's bias by distance, as in {@link attention}; query i stands at position lengths[i] - 1. */
  relativeBias?: RelativeBias | null;
  /** (M, H·D): rows that are written to keys before anything is read; with newValues and newRows. */
  newKeys?: Tensor | null;
  /** (M, H·D): the same for values. */
  newValues?: Tensor | null;
  /** i32 (M), distinct: where they are written to. */
  newRows?: Tensor | null;
}

/**
 * One decoding step of attention: every row of q is one token that attends to rows of a cache, which lie anywhere in it
 * (`rows`) or side by side (`starts`). Queries may name the same rows, as beams do that share a past or a source. With
 * newKeys, newValues and newRows the step's own keys and values join the cache first, in the same command.
 *
 * q is (N, H·D), keys and values are (R, H·D), of one dtype (f32, on CUDA also bf16); each may be a range of columns.
 * For inference: throws ERR_ARGUMENT where q, keys, values or the table require a gradient outside noGrad.
 *
 * Throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED; ERR_ARGUMENT also for lengths and rows that do not fit the cache. Where
 * those were made by an op, that is ERR_DATA from whoever reads the result.
 *
 * Source: Vaswani et al., "Attention Is All You Need", section 3.2; rows by index: Kwon et al., "Efficient Memory
 * Management for Large Language Model Serving with PagedAttention", 2023, with pages of one row.
 *
 * @returns (N, H·D)
 * @example
 * const lengths = tensor(Int32Array.of(2, 1), [2]);
 * const rows = tensor(Int32Array.of(0, 2, 1, 0), [2, 2]); // query 0 sees rows 0 and 2, query 1 row 1
 * const y = ops.cachedAttention(q, keys, values, { heads: 8, lengths, rows }); // (2, 512)
 */
export function cachedAttention(
  q: Tensor,
  keys: Tensor,
  values: Tensor,
  options: CachedAttentionOptions,
): Tensor {
  const op = "cached_attention";
  requireObject(options, op);
  const heads = requireInteger(options.heads, op, "heads", 1);
  const queries = handleOf(q, op, "q");
  const scale = options.scale ?? 1 / Math.sqrt(q.shape[q.shape.length - 1] / heads);
  return callOp(
    op,
    queries,
    handleOf(keys, op, "keys"),
    handleOf(values, op, "values"),
    heads,
    handleOf(options.lengths, op, "lengths"),
    optionalHandle(options.rows, op, "rows"),
    optionalHandle(options.starts, op, "starts"),
    requireNumber(scale, op, "scale"),
    ...relativeArguments(options.relativeBias, op),
    optionalHandle(options.newKeys, op, "newKeys"),
    optionalHandle(options.newValues, op, "newValues"),
    optionalHandle(options.newRows, op, "newRows"),
  );
}
