// Attention over ragged batches. The arithmetic is in native/ops/attention.
import { AthanorError } from "../../errors.js";
import {
  callOpMany,
  handleOf,
  optionalHandle,
  requireInteger,
  requireNumber,
  requireObject,
} from "../call.js";
import type { Generator } from "../random.js";
import type { Tensor } from "../tensor.js";
import { dropoutArguments } from "./norm.js";

/** T5's relative position bias. */
export interface RelativeBias {
  /** f32 (buckets, H): what the scores of a head get, by the bucket of their distance. May require a gradient. */
  table: Tensor;
  /**
   * Whether keys after the query have buckets of their own (half of them), as in an encoder; if not, they share the
   * bucket of distance 0, as in a decoder.
   */
  bidirectional: boolean;
  /** Distances from here on share the last bucket of their side; default 128. */
  maxDistance?: number;
}

export interface AttentionOptions {
  /** Number of heads H; the rows of q, k and v hold H heads of D columns side by side. D is 1 to 256. */
  heads: number;
  /** i32 (B+1): query sequence b is rows offsets[b] to offsets[b+1]. */
  offsets: Tensor;
  /** The same for k and v, where they have other rows (cross attention, decoding); default: offsets. */
  keyOffsets?: Tensor | null;
  /** Query i of Lq sees key j of Lk only when j <= i + Lk - Lq; default false. */
  causal?: boolean;
  /** Factor of the scores; default 1 / sqrt(D). T5 uses 1. */
  scale?: number;
  /** f32 (1 or B, H, rows, columns), added to the scaled scores at [b or 0, h, i, j], i and j within the sequence. */
  bias?: Tensor | null;
  /**
   * A bias read from a table by the distance of key and query. Positions are aligned at the end, as for `causal`: query
   * i of Lq stands at i + Lk - Lq, so with a cache the last rows are placed rightly. Adds to `bias` where both are given.
   */
  relativeBias?: RelativeBias | null;
  /** Probability with which attention probabilities are dropped, 0 <= p < 1; default 0. */
  dropout?: number;
  /** Also return the probabilities. */
  returnWeights?: boolean;
  /** Where the dropout mask comes from; default: that of the running module, or the default one. */
  generator?: Generator;
}

/** Table, bidirectional, maxDistance, as the fronts of both attentions take them. */
export function relativeArguments(
  relative: RelativeBias | null | undefined,
  op: string,
): [number, number, number] {
  if (relative === null || relative === undefined) return [0, 0, 0];
  const table = handleOf(requireObject(relative, op, "relativeBias").table, op, "relativeBias.table");
  if (typeof relative.bidirectional !== "boolean") {
    const got = String(relative.bidirectional);
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${op}: relativeBias.bidirectional must be true or false, got ${got}`,
    );
  }
  const maxDistance = requireInteger(relative.maxDistance ?? 128, op, "relativeBias.maxDistance", 1);
  return [table, relative.bidirectional ? 1 : 0, maxDistance];
}

/**
 * Attention: for each sequence and head, `softmax(scale q kᵀ + bias) v` over the keys that a query sees. A query
 * that sees none gives 0. No T x T matrix is stored; the gradient recomputes the scores.
 *
 * q is f32 (Tq, H·D), k and v are (Tk, H·D); each may be a range of columns, which is read in place. The result is
 * (Tq, H·D). Gradients for q, k, v, bias and the table of relativeBias. With `returnWeights` the result is `{ output, weights }`: weights is one
 * flat f32 tensor, for each sequence in turn its (H, Lq, Lk) probabilities before dropout, without a gradient; the
 * offsets must then have been made from host data.
 *
 * Throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT; offsets made by an op that turn out wrong are reported as ERR_DATA by
 * whoever reads the result. Source: Vaswani et al., "Attention Is All You Need", section 3.2;
 * `torch.nn.functional.scaled_dot_product_attention`; for relativeBias Raffel et al., "Exploring the Limits of Transfer
 * Learning with a Unified Text-to-Text Transformer", section 2.1, `T5Attention` of Transformers.
 *
 * @example
 * const offsets = tensor([0, 2, 3], [3], { dtype: "i32" }); // two sequences, of 2 and 1 tokens
 * const x = tensor([1, 0, 0, 1, 1, 1], [3, 2]);
 * const y = attention(x, x, x, { heads: 1, offsets }); // (3, 2); the last row is its only value, 1, 1
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions & { returnWeights: true },
): { output: Tensor; weights: Tensor };
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions & { returnWeights?: false },
): Tensor;
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Tensor | { output: Tensor; weights: Tensor };
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Tensor | { output: Tensor; weights: Tensor } {
  const op = "attention";
  requireObject(options, op);
  const { offsets, keyOffsets, causal = false, bias, returnWeights = false, generator } = options;
  const heads = requireInteger(options.heads, op, "heads", 1);
  const p = requireNumber(options.dropout ?? 0, op, "dropout");
  const queries = handleOf(q, op, "q");
  const scale = options.scale ?? 1 / Math.sqrt(q.shape[q.shape.length - 1] / heads);
  const results = callOpMany(
    op,
    queries,
    handleOf(k, op, "k"),
    handleOf(v, op, "v"),
    heads,
    handleOf(offsets, op, "offsets"),
    optionalHandle(keyOffsets, op, "keyOffsets"),
    causal ? 1 : 0,
    requireNumber(scale, op, "scale"),
    optionalHandle(bias, op, "bias"),
    p,
    ...dropoutArguments(p, generator),
    returnWeights ? 1 : 0,
    ...relativeArguments(options.relativeBias, op),
  );
  return returnWeights ? { output: results[0], weights: results[1] } : results[0];
}
