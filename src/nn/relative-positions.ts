// Relative positions of BERT (Shaw et al. 2018, arXiv:1803.02155; Huang et al. 2020, arXiv:2009.13658, sections 3.2 and
// 3.4), as transformers.BertSelfAttention had them up to version 4: with E (2P-1, D) a learned row per distance,
//   relative_key:        scores q_i · k_j + q_i · E[i-j+P-1]
//   relative_key_query:  scores q_i · k_j + q_i · E[i-j+P-1] + k_j · E[i-j+P-1]
// all of it divided by sqrt(D). What depends on E is made beside attention and added there as its bias: products of all
// queries with the 2L-1 distances that a batch of longest length L has, of which each row is then moved to its place.
// That costs 2 (or 4) B·H·L·(2L-1)·D operations and B·H·L·(3L-1) floats beside attention's own.
import { add, mul } from "../tensor/ops/elementwise.js";
import { linear } from "../tensor/ops/linear.js";
import { gatherRows, transpose } from "../tensor/ops/shape.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import type { Init, Parameter, ParameterStore } from "./parameter.js";

export type RelativeKind = "relative_key" | "relative_key_query";

/** Where the rows of a batch lie in a rectangle, and the distances that it has. */
export interface RelativeRows {
  /** Sequences B and the longest length L. */
  size: number;
  length: number;
  /** i32 (B·L): rows of the batch; where a sequence has ended, one that attention does not look at. */
  rows: Tensor;
  /** i32 (2L-1): distances from L-1 down to 1-L, as rows of the table. */
  falling: Tensor;
  /** The same from 1-L up. */
  rising: Tensor;
}

/** The same for all layers: made once for a batch. */
export function relativeRows(bounds: Int32Array, positions: number, device: string): RelativeRows {
  const size = bounds.length - 1;
  let length = 1;
  for (let b = 0; b < size; b++) length = Math.max(length, bounds[b + 1] - bounds[b]);
  const rows = new Int32Array(size * length);
  for (let b = 0; b < size; b++) {
    for (let i = 0; i < length; i++) rows[b * length + i] = Math.min(bounds[b] + i, bounds[b + 1] - 1);
  }
  const count = 2 * length - 1;
  const falling = Int32Array.from({ length: count }, (_, c) => positions - 1 + length - 1 - c);
  const make = (data: Int32Array) => tensor(data, [data.length], { device: device as "cpu" });
  return { size, length, rows: make(rows), falling: make(falling), rising: make(falling.slice().reverse()) };
}

export interface RelativeSizes {
  kind: RelativeKind;
  heads: number;
  headSize: number;
  positions: number;
}

export class RelativePositions {
  /** (2P-1, D) */
  readonly #table: Parameter;

  constructor(
    store: ParameterStore,
    name: string,
    private readonly sizes: RelativeSizes,
    init: Init,
  ) {
    this.#table = store.declare(`${name}.weight`, [2 * sizes.positions - 1, sizes.headSize], init);
  }

  /** q and k (T, H·D) -> (B, H, L, L), scaled: added to the scores of query i and key j */
  bias(q: Tensor, k: Tensor, rows: RelativeRows): Tensor {
    const ofQueries = this.#scores(q, rows, rows.falling); // [b, h, i, j]
    if (this.sizes.kind === "relative_key") return ofQueries;
    return add(ofQueries, transpose(this.#scores(k, rows, rows.rising))); // [b, h, j, i] turned
  }

  /**
   * The products of each row x_i with the distances, moved so that column j holds that of the distance
   * `distances[L-1 - i + j]`: (B, H, L, L).
   */
  #scores(x: Tensor, { size, length, rows }: RelativeRows, distances: Tensor): Tensor {
    const { heads, headSize } = this.sizes;
    const scale = 1 / Math.sqrt(headSize);
    const apart = gatherRows(x, rows).reshape([size, length, heads, headSize]);
    const byHead = transpose(apart, 1, 2).reshape([size * heads * length, headSize]); // (B·H·L, D)
    const products = linear(byHead, mul(gatherRows(this.#table.tensor, distances), scale)); // (B·H·L, 2L-1)
    const blocks = size * heads;
    if (length === 1) return products.reshape([size, heads, 1, 1]);
    // Row i starts at column L-1-i, which in memory is one less from each row to the next.
    const flat = products.reshape([blocks, length * (2 * length - 1)]);
    const skewed = flat.slice(length - 1, length - 1 + length * (2 * length - 2), 1);
    const wide = skewed.reshape([blocks * length, 2 * length - 2]);
    return wide.slice(0, length, 1).reshape([size, heads, length, length]);
  }
}
