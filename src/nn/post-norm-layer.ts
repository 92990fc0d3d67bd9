// One layer of an encoder that normalises after adding (Vaswani et al. 2017, arXiv:1706.03762, section 3.1; BERT):
// m = norm(x + dropout(attention(x))), then norm(m + dropout(feed-forward(m))). x is (T, C). A decoder's layer looks at
// an encoder's output in between: m' = norm(m + dropout(attention(m, memory))).
import type { Activation } from "../tensor/ops/linear.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { CrossAttention, SelfAttention, type SelfAttentionNames } from "./attention.js";
import { FeedForward, LayerNorm } from "./layers.js";
import type { Init, ParameterStore } from "./parameter.js";
import type { SublayerPlace } from "./places.js";
import type { RelativeKind, RelativeRows } from "./relative-positions.js";

/** Where a family keeps the parameters of a layer. */
export interface PostNormLayerNames extends SelfAttentionNames {
  attentionNorm: string;
  up: string;
  down: string;
  outputNorm: string;
  /** Of a decoder's layer. */
  cross?: SelfAttentionNames & { norm: string };
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
  /** Default hidden / heads: other than that where heads were pruned. */
  headSize?: number;
  causal?: boolean;
  relative?: { kind: RelativeKind; positions: number };
}

/** What a layer reads beside x. */
export interface LayerInputs {
  /** i32 (B+1) */
  offsets: Tensor;
  training: boolean;
  wantWeights: boolean;
  /** Where positions are relative. */
  rows?: RelativeRows;
  /** What a decoder looks at: (S, C), with its offsets. */
  memory?: { hidden: Tensor; offsets: Tensor };
}

export interface LayerOutput {
  /** (T, C) */
  x: Tensor;
  /** Attention probabilities on request: one (H, L, L) block per sequence, flat. */
  weights?: Tensor;
}

export class PostNormLayer {
  readonly #attention: Sublayer;
  readonly #self: SelfAttention;
  readonly #cross: { attention: CrossAttention; sublayer: Sublayer } | undefined;
  readonly #feedForward: FeedForward;
  readonly #output: Sublayer;
  readonly heads: number;

  constructor(
    store: ParameterStore,
    names: PostNormLayerNames,
    private readonly sizes: PostNormLayerSizes,
  ) {
    const { hidden, heads, inner, eps, std, activation } = sizes;
    const init: Init = { kind: "normal", std };
    this.heads = heads;
    const norm = (name: string) => new LayerNorm(store, name, hidden, eps);
    const { places } = store;
    this.#self = new SelfAttention(store, names, sizes, init);
    const attended = places.addSublayer(names.output, "attention", hidden);
    this.#attention = new Sublayer(norm(names.attentionNorm), attended);
    if (names.cross) {
      // Pruning takes heads from self-attention alone.
      const all = sizes.headSize ? hidden / sizes.headSize : heads;
      const cross = new CrossAttention(store, names.cross, { hidden, heads: all }, init);
      this.#cross = { attention: cross, sublayer: new Sublayer(norm(names.cross.norm)) };
    }
    this.#feedForward = new FeedForward(store, names.up, names.down, hidden, inner, init, activation);
    const fed = places.addSublayer(names.down, "feedForward", hidden);
    this.#output = new Sublayer(norm(names.outputNorm), fed);
  }

  /** x (T, C) */
  forward(x: Tensor, { offsets, training, wantWeights, rows, memory }: LayerInputs): LayerOutput {
    const p = (probability: number) => (training ? probability : 0);
    const { attentionDropout, attentionOutputDropout, feedForwardDropout } = this.sizes;
    const options = { offsets, dropout: p(attentionDropout), returnWeights: wantWeights };
    const { output, weights } = this.#self.forward(x, options, rows);
    let middle = this.#attention.join(x, output, p(attentionOutputDropout));
    if (this.#cross && memory) {
      const seen = this.#cross.attention.forward(middle, memory, { ...options, returnWeights: false });
      middle = this.#cross.sublayer.join(middle, seen.output, p(attentionOutputDropout));
    }
    const fed = this.#feedForward.forward(middle);
    return { x: this.#output.join(middle, fed, p(feedForwardDropout)), weights };
  }
}

/** How a sub-layer ends: norm(x + dropout(output)), with an adapter where one is attached. */
class Sublayer {
  constructor(
    private readonly norm: LayerNorm,
    private readonly place?: SublayerPlace,
  ) {}

  join(x: Tensor, output: Tensor, p: number): Tensor {
    const adapter = this.place?.adapter;
    if (!adapter) return this.norm.forward(x, output, p);
    const dropped = p > 0 ? dropout(output, p) : output;
    return this.norm.forward(
      x,
      adapter.forward(dropped, () => this.norm.forward(x, dropped)),
    );
  }
}
