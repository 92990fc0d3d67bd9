// One layer of an encoder that normalises after adding (Vaswani et al. 2017, arXiv:1706.03762, section 3.1; BERT):
// m = norm(x + dropout(attention(x))), then norm(m + dropout(feed-forward(m))). x is (T, C).
import type { Activation } from "../tensor/ops/linear.js";
import type { Tensor } from "../tensor/tensor.js";
import { SelfAttention, type SelfAttentionNames } from "./attention.js";
import { FeedForward, LayerNorm } from "./layers.js";
import type { Init, ParameterStore } from "./parameter.js";

/** Where a family keeps the parameters of a layer. */
export interface PostNormLayerNames extends SelfAttentionNames {
  attentionNorm: string;
  up: string;
  down: string;
  outputNorm: string;
}

export interface PostNormLayerSizes {
  hidden: number;
  heads: number;
  inner: number;
  eps: number;
  std: number;
  activation: Activation;
  /** Dropout of attention's output. */
  attentionOutputDropout: number;
  /** Dropout of the feed-forward's output. */
  feedForwardDropout: number;
  /** Dropout of attention probabilities. */
  attentionDropout: number;
}

export interface LayerOutput {
  /** (T, C) */
  x: Tensor;
  /** Attention probabilities on request: one (H, L, L) block per sequence, flat. */
  weights?: Tensor;
}

export class PostNormLayer {
  readonly #attention: SelfAttention;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForward: FeedForward;
  readonly #outputNorm: LayerNorm;
  readonly heads: number;

  constructor(
    store: ParameterStore,
    names: PostNormLayerNames,
    private readonly sizes: PostNormLayerSizes,
  ) {
    const { hidden, heads, inner, eps, std, activation } = sizes;
    const init: Init = { kind: "normal", std };
    this.heads = heads;
    this.#attention = new SelfAttention(store, names, hidden, heads, init);
    this.#attentionNorm = new LayerNorm(store, names.attentionNorm, hidden, eps);
    this.#feedForward = new FeedForward(store, names.up, names.down, hidden, inner, init, activation);
    this.#outputNorm = new LayerNorm(store, names.outputNorm, hidden, eps);
  }

  /** x (T, C), offsets i32 (B+1) */
  forward(x: Tensor, offsets: Tensor, training: boolean, wantWeights: boolean): LayerOutput {
    const p = (probability: number) => (training ? probability : 0);
    const { attentionDropout, attentionOutputDropout, feedForwardDropout } = this.sizes;
    const { output, weights } = this.#attention.forward(x, offsets, p(attentionDropout), wantWeights);
    const middle = this.#attentionNorm.forward(x, output, p(attentionOutputDropout));
    const fed = this.#feedForward.forward(middle);
    return { x: this.#outputNorm.forward(middle, fed, p(feedForwardDropout)), weights };
  }
}
