// The attention sub-layers of generative models, over whatever products their family has: self-attention, causal or
// not, and the decoder's attention to what an encoder made. With a cache they keep keys and values, or find them there.
import { attention, type RelativeBias } from "../tensor/ops/attention.js";
import { split } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { KeyValueCache } from "./key-value-cache.js";
import type { Product } from "./products.js";

/** What the layers of a stack share while a batch goes through them. */
export interface LayerRun {
  training: boolean;
  /** i32 (B+1): whose tokens are whose. Not needed with a cache. */
  offsets?: Tensor;
  /** What the decoder attends to: (S, C), i32 (B+1). Not needed with a cache. */
  memory?: Memory;
  cache?: KeyValueCache;
  /** Where the probabilities go, one flat tensor per layer: blocks (H, L, L). */
  attentions?: Tensor[];
  /** Likewise, blocks (H, L, S). */
  crossAttentions?: Tensor[];
}

/** An encoder's output. */
export interface Memory {
  hidden: Tensor;
  offsets: Tensor;
}

export interface AttentionSettings {
  /** Number of the layer, from 0: its place in a cache. */
  layer: number;
  heads: number;
  /** Factor of the scores. */
  scale: number;
  /** Of the probabilities. */
  dropout: number;
}

export interface SelfAttentionSettings extends AttentionSettings {
  causal: boolean;
  /** T5's bias, of which the table is one layer's. */
  relativeBias?: () => RelativeBias;
}

/** `output(softmax(scale q kᵀ + bias) v)` over each sequence. */
export class SelfAttentionLayer {
  /** @param queryKeyValue (T, C) -> (T, 3 H·D) */
  constructor(
    private readonly queryKeyValue: Product,
    private readonly output: Product,
    private readonly settings: SelfAttentionSettings,
  ) {}

  /** x (T, C) -> (T, C), before dropout */
  forward(x: Tensor, run: LayerRun, residual?: Tensor): Tensor {
    const { layer, heads, scale, causal, dropout } = this.settings;
    const [q, k, v] = split(this.queryKeyValue.forward(x), 3); // (T, H·D) each
    const options = { heads, scale, relativeBias: this.settings.relativeBias?.() };
    if (run.cache) {
      return this.output.forward(run.cache.selfAttention(layer, q, k, v, options), { residual });
    }
    const all = { ...options, causal, offsets: run.offsets as Tensor, dropout: run.training ? dropout : 0 };
    return this.output.forward(attended(q, k, v, all, run.attentions), { residual });
  }
}

/** Queries of a decoder's tokens, keys and values of an encoder's output. */
export class CrossAttentionLayer {
  /**
   * @param query (T, C) -> (T, H·D)
   * @param keyValue (S, C) -> (S, 2 H·D)
   */
  constructor(
    private readonly query: Product,
    private readonly keyValue: Product,
    private readonly output: Product,
    private readonly settings: AttentionSettings,
  ) {}

  /** x (T, C) -> (T, C), before dropout */
  forward(x: Tensor, run: LayerRun, residual?: Tensor): Tensor {
    const { layer, heads, scale, dropout } = this.settings;
    const q = this.query.forward(x);
    if (run.cache) {
      return this.output.forward(run.cache.crossAttention(layer, q, { heads, scale }), { residual });
    }
    const { hidden, offsets: keyOffsets } = run.memory as Memory;
    const [k, v] = split(this.keyValue.forward(hidden), 2);
    const options = { heads, scale, offsets: run.offsets as Tensor, keyOffsets };
    const all = { ...options, dropout: run.training ? dropout : 0 };
    return this.output.forward(attended(q, k, v, all, run.crossAttentions), { residual });
  }

  /** Keeps the keys and values of the sources that the cache admitted last: hidden (S, C). */
  keep(cache: KeyValueCache, hidden: Tensor): void {
    const [k, v] = split(this.keyValue.forward(hidden), 2);
    cache.writeCross(this.settings.layer, k, v);
  }
}

function attended(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: Parameters<typeof attention>[3],
  weightsTo: Tensor[] | undefined,
): Tensor {
  if (!weightsTo) return attention(q, k, v, { ...options, returnWeights: false });
  const { output, weights } = attention(q, k, v, { ...options, returnWeights: true });
  weightsTo.push(weights);
  return output;
}
