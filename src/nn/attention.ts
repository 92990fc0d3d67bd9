// Multi-head self-attention over a ragged batch. Query, key and value weights are three row ranges of one
// (3C, C) tensor: one GEMM makes (T, 3C), of which attention reads column ranges.
import { attention } from "../tensor/ops/attention.js";
import { linear } from "../tensor/ops/linear.js";
import { split } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { Linear } from "./layers.js";
import { type Init, type PackedParameter, type ParameterStore, zeros } from "./parameter.js";

export interface SelfAttentionNames {
  query: string;
  key: string;
  value: string;
  output: string;
}

export class SelfAttention {
  readonly #weight: PackedParameter; // (3C, C)
  readonly #bias: PackedParameter; // (3C)
  readonly #output: Linear;
  readonly #scale: number;

  constructor(
    store: ParameterStore,
    names: SelfAttentionNames,
    hidden: number,
    private readonly heads: number,
    init: Init,
  ) {
    const parts = [names.query, names.key, names.value];
    this.#weight = store.declarePacked(
      parts.map((name) => `${name}.weight`),
      [hidden, hidden],
      init,
      true,
    );
    this.#bias = store.declarePacked(
      parts.map((name) => `${name}.bias`),
      [hidden],
      zeros,
    );
    this.#output = new Linear(store, names.output, hidden, hidden, init);
    this.#scale = 1 / Math.sqrt(hidden / heads);
  }

  /**
   * x (T, C), offsets (B+1) -> (T, C), before dropout and residual; with `returnWeights` also the probabilities,
   * one (H, L, L) block per sequence, flat.
   */
  forward(
    x: Tensor,
    offsets: Tensor,
    dropout: number,
    returnWeights: boolean,
  ): { output: Tensor; weights?: Tensor } {
    const { tensor, scale } = this.#weight;
    const packed = linear(x, tensor, this.#bias.tensor, { weightScale: scale }); // (T, 3C)
    const [q, k, v] = split(packed, 3); // (T, C) each
    const options = { heads: this.heads, offsets, scale: this.#scale, dropout };
    if (!returnWeights) return { output: this.#output.forward(attention(q, k, v, options)) };
    const { output, weights } = attention(q, k, v, { ...options, returnWeights: true });
    return { output: this.#output.forward(output), weights };
  }
}
