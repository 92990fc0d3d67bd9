// BERT (Devlin et al. 2018, arXiv:1810.04805), as transformers.BertModel: embeddings, L post-norm layers,
// pooler. All tensors are ragged: T tokens of B sequences, hidden size C.
import { AthanorError } from "../errors.js";
import { activationOf } from "../nn/activation.js";
import { SelfAttention } from "../nn/attention.js";
import { FeedForward, LayerNorm, Linear, TextEmbeddings } from "../nn/layers.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { recomputed } from "../nn/recompute.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import { integerOf, type ModelConfig, numberOf } from "./config.js";
import type { Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";

/** The numbers of a BERT config, checked; defaults are those of transformers.BertConfig. */
export interface BertSizes {
  vocabulary: number;
  hidden: number;
  layers: number;
  heads: number;
  inner: number;
  positions: number;
  types: number;
  eps: number;
  std: number;
  hiddenDropout: number;
  attentionDropout: number;
  paddingIdx: number | null;
}

export function bertSizes(config: ModelConfig): BertSizes {
  const hidden = integerOf(config, "hidden_size", 768, 1, 1 << 20);
  const heads = integerOf(config, "num_attention_heads", 12, 1, 1 << 12);
  if (hidden % heads !== 0) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: hidden_size must be a multiple of num_attention_heads, got ${hidden} and ${heads}`,
    );
  }
  const kind = config.position_embedding_type ?? "absolute";
  if (kind !== "absolute") {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: position_embedding_type must be "absolute", got ${JSON.stringify(kind)}`,
    );
  }
  return {
    vocabulary: integerOf(config, "vocab_size", 30522),
    hidden,
    layers: integerOf(config, "num_hidden_layers", 12, 0, 1 << 12),
    heads,
    inner: integerOf(config, "intermediate_size", 3072, 1, 1 << 24),
    positions: integerOf(config, "max_position_embeddings", 512, 1, 1 << 24),
    types: integerOf(config, "type_vocab_size", 2, 1, 1 << 16),
    eps: numberOf(config, "layer_norm_eps", 1e-12, 0, 1),
    std: numberOf(config, "initializer_range", 0.02, 0, 1e3),
    hiddenDropout: numberOf(config, "hidden_dropout_prob", 0.1, 0, 1),
    attentionDropout: numberOf(config, "attention_probs_dropout_prob", 0.1, 0, 1),
    paddingIdx: config.pad_token_id === null ? null : integerOf(config, "pad_token_id", 0, 0),
  };
}

/** norm(x + dropout(attention(x))), then norm(x + dropout(feed-forward(x))). */
class BertLayer {
  readonly #attention: SelfAttention;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForward: FeedForward;
  readonly #outputNorm: LayerNorm;

  constructor(
    store: ParameterStore,
    name: string,
    private readonly sizes: BertSizes,
    config: ModelConfig,
  ) {
    const init: Init = { kind: "normal", std: sizes.std };
    const names = {
      query: `${name}.attention.self.query`,
      key: `${name}.attention.self.key`,
      value: `${name}.attention.self.value`,
      output: `${name}.attention.output.dense`,
    };
    this.#attention = new SelfAttention(store, names, sizes.hidden, sizes.heads, init);
    this.#attentionNorm = new LayerNorm(store, `${name}.attention.output.LayerNorm`, sizes.hidden, sizes.eps);
    this.#feedForward = new FeedForward(
      store,
      `${name}.intermediate.dense`,
      `${name}.output.dense`,
      sizes.hidden,
      sizes.inner,
      init,
      activationOf(config.hidden_act ?? "gelu"),
    );
    this.#outputNorm = new LayerNorm(store, `${name}.output.LayerNorm`, sizes.hidden, sizes.eps);
  }

  forward(
    x: Tensor,
    offsets: Tensor,
    training: boolean,
    wantWeights: boolean,
  ): { x: Tensor; weights?: Tensor } {
    const p = training ? this.sizes.hiddenDropout : 0;
    const attentionP = training ? this.sizes.attentionDropout : 0;
    const { output, weights } = this.#attention.forward(x, offsets, attentionP, wantWeights);
    const middle = this.#attentionNorm.forward(x, output, p);
    return { x: this.#outputNorm.forward(middle, this.#feedForward.forward(middle), p), weights };
  }
}

export class BertEncoder implements Encoder {
  readonly hiddenSize: number;
  readonly positions: number;
  readonly firstPosition = 0;
  readonly hiddenDropout: number;
  readonly words: Parameter;
  readonly #sizes: BertSizes;
  readonly #embeddings: TextEmbeddings;
  readonly #layers: BertLayer[];
  readonly #pooler: Linear | undefined;

  /** @param prefix "" for the bare model, "bert." under a head */
  constructor(store: ParameterStore, prefix: string, config: ModelConfig, pooler: boolean) {
    const sizes = bertSizes(config);
    this.#sizes = sizes;
    this.hiddenSize = sizes.hidden;
    this.positions = sizes.positions;
    this.hiddenDropout = sizes.hiddenDropout;
    this.#embeddings = new TextEmbeddings(
      store,
      `${prefix}embeddings`,
      sizes,
      sizes.paddingIdx,
      sizes.eps,
      sizes.std,
    );
    this.words = this.#embeddings.words;
    this.#layers = Array.from(
      { length: sizes.layers },
      (_, i) => new BertLayer(store, `${prefix}encoder.layer.${i}`, sizes, config),
    );
    const init: Init = { kind: "normal", std: sizes.std };
    if (pooler) this.#pooler = new Linear(store, `${prefix}pooler.dense`, sizes.hidden, sizes.hidden, init);
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    let x = this.#embeddings.forward(batch, training ? this.#sizes.hiddenDropout : 0); // (T, C)
    const hiddenStates = options.hiddenStates ? [x] : undefined;
    const attentions: Tensor[][] | undefined = options.attentions ? [] : undefined;
    for (const layer of this.#layers) {
      if (options.recompute && !attentions) {
        x = recomputed(
          (input, offsets) => layer.forward(input, offsets, training, false).x,
          x,
          batch.offsets,
        );
      } else {
        const result = layer.forward(x, batch.offsets, training, attentions !== undefined);
        x = result.x;
        if (result.weights) attentions?.push(perSequence(result.weights, batch, this.#sizes.heads));
      }
      hiddenStates?.push(x);
    }
    const pooled = this.#pooler?.forward(gatherRows(x, batch.firstRows), "tanh"); // (B, C)
    return { hidden: x, pooled, hiddenStates, attentions };
  }
}

/** Cuts flat attention weights into one (H, L, L) tensor per sequence: views. */
function perSequence(weights: Tensor, batch: Batch, heads: number): Tensor[] {
  const parts: Tensor[] = [];
  let begin = 0;
  for (let b = 0; b < batch.size; b++) {
    const length = batch.bounds[b + 1] - batch.bounds[b];
    const end = begin + heads * length * length;
    parts.push(weights.slice(begin, end).reshape([heads, length, length]));
    begin = end;
  }
  return parts;
}
