// T5 (Raffel et al. 2020, arXiv:1910.10683) and mT5 (Xue et al. 2021, arXiv:2010.11934), as transformers.T5Model:
// pre-norm layers without biases, positions as a bias of attention by buckets of distance, which is one table per side.
import { AthanorError } from "../errors.js";
import { activationOf } from "../nn/activation.js";
import { CrossAttentionLayer, SelfAttentionLayer } from "../nn/attention-layers.js";
import { FeedForwardLayer } from "../nn/feed-forward.js";
import { RmsNorm } from "../nn/norms.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { Dense } from "../nn/products.js";
import { ResidualLayer } from "../nn/residual-layer.js";
import type { Activation } from "../tensor/ops/linear.js";
import { embedding } from "../tensor/ops/linear.js";
import type { VocabularyProjection } from "./causal-language-model-head.js";
import { integerOf, type ModelConfig, numberOf } from "./config.js";
import type { Encoder } from "./encoder.js";
import { EncoderDecoder, type Side } from "./encoder-decoder.js";
import { ResidualStack } from "./residual-stack.js";

interface T5Sizes {
  vocabulary: number;
  hidden: number;
  heads: number;
  /** D, columns of one head: heads · D need not be the hidden size. */
  headSize: number;
  inner: number;
  eps: number;
  dropout: number;
  /** initializer_factor */
  factor: number;
  activation: Activation;
  gated: boolean;
  buckets: number;
  maxDistance: number;
}

/** What the config classes take where an entry is missing. */
interface T5Defaults {
  vocabulary: number;
  inner: number;
  layers: number;
  heads: number;
  feedForward: string;
}

export const t5Defaults: T5Defaults = {
  vocabulary: 32128,
  inner: 2048,
  layers: 6,
  heads: 8,
  feedForward: "relu",
};

export const mt5Defaults: T5Defaults = {
  vocabulary: 250112,
  inner: 1024,
  layers: 8,
  heads: 6,
  feedForward: "gated-gelu",
};

const gatedActivations: readonly Activation[] = ["relu", "gelu", "gelu_tanh", "silu", "sigmoid"];

function feedForwardOf(config: ModelConfig, fallback: string): { activation: Activation; gated: boolean } {
  const entry = "feed_forward_proj";
  const name = config[entry] ?? fallback;
  // T5 v1.1 says gelu and means its approximation.
  if (name === "gated-gelu") return { activation: "gelu_tanh", gated: true };
  const [, gate, kind] = /^(gated-)?([^-]+)$/.exec(String(name)) ?? [];
  const activation = activationOf(kind ?? name, entry);
  if (gate !== undefined && !gatedActivations.includes(activation)) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: ${entry} must be gated by one of ${gatedActivations.join(", ")}, got ${JSON.stringify(name)}`,
    );
  }
  return { activation, gated: gate !== undefined };
}

function sizesOf(config: ModelConfig, defaults: T5Defaults): T5Sizes {
  const buckets = integerOf(config, "relative_attention_num_buckets", 32, 2, 1 << 16);
  return {
    vocabulary: integerOf(config, "vocab_size", defaults.vocabulary),
    hidden: integerOf(config, "d_model", 512, 1, 1 << 20),
    heads: integerOf(config, "num_heads", defaults.heads, 1, 1 << 12),
    headSize: integerOf(config, "d_kv", 64, 1, 256),
    inner: integerOf(config, "d_ff", defaults.inner, 1, 1 << 24),
    eps: numberOf(config, "layer_norm_epsilon", 1e-6, 0, 1),
    dropout: numberOf(config, "dropout_rate", 0.1, 0, 1),
    factor: numberOf(config, "initializer_factor", 1, 0, 1e3),
    buckets,
    maxDistance: integerOf(config, "relative_attention_max_distance", 128, 1),
    ...feedForwardOf(config, defaults.feedForward),
  };
}

const normal = (std: number): Init => ({ kind: "normal", std });

/** One layer, with the table of the side's first one. */
class LayerMaker {
  #table: Parameter | undefined;

  constructor(
    private readonly store: ParameterStore,
    private readonly side: string,
    private readonly sizes: T5Sizes,
    private readonly decoder: boolean,
  ) {}

  make(layer: number): ResidualLayer {
    const { dropout } = this.sizes;
    const block = `${this.side}.block.${layer}.layer`;
    const parts = [{ norm: this.#norm(`${block}.0`), layer: this.#selfAttention(`${block}.0`, layer) }];
    const rest = this.decoder
      ? [{ norm: this.#norm(`${block}.1`), layer: this.#crossAttention(`${block}.1`, layer) }]
      : [];
    const last = `${block}.${parts.length + rest.length}`;
    const feedForward = { norm: this.#norm(last), layer: this.#feedForward(last) };
    return new ResidualLayer([...parts, ...rest, feedForward], { preNorm: true, dropout });
  }

  #norm(name: string): RmsNorm {
    const { hidden, eps, factor } = this.sizes;
    return new RmsNorm(this.store, `${name}.layer_norm`, hidden, eps, { kind: "constant", value: factor });
  }

  #dense(names: string[], inSize: number, outSize: number, inits: Init | Init[]): Dense {
    return new Dense(this.store, names, { inSize, outSize, bias: false }, inits);
  }

  /** How query, key, value and output start. */
  #inits(): { query: Init; other: Init; output: Init } {
    const { hidden, heads, headSize, factor } = this.sizes;
    return {
      query: normal(factor * (hidden * headSize) ** -0.5),
      other: normal(factor * hidden ** -0.5),
      output: normal(factor * (heads * headSize) ** -0.5),
    };
  }

  #selfAttention(sub: string, layer: number): SelfAttentionLayer {
    const { hidden, heads, headSize, dropout, buckets, maxDistance } = this.sizes;
    const name = `${sub}.SelfAttention`;
    const { query, other, output } = this.#inits();
    const width = heads * headSize;
    const packed = this.#dense([`${name}.q`, `${name}.k`, `${name}.v`], hidden, width, [query, other, other]);
    const last = this.#dense([`${name}.o`], width, hidden, output);
    this.#table ??= this.store.declare(`${name}.relative_attention_bias.weight`, [buckets, heads], other);
    const { decoder } = this;
    const table = this.#table;
    const relativeBias = () => ({ table: table.tensor, bidirectional: !decoder, maxDistance });
    return new SelfAttentionLayer(packed, last, {
      layer,
      heads,
      scale: 1,
      dropout,
      causal: decoder,
      relativeBias,
    });
  }

  #crossAttention(sub: string, layer: number): CrossAttentionLayer {
    const { hidden, heads, headSize, dropout } = this.sizes;
    const name = `${sub}.EncDecAttention`;
    const { query, other, output } = this.#inits();
    const width = heads * headSize;
    return new CrossAttentionLayer(
      this.#dense([`${name}.q`], hidden, width, query),
      this.#dense([`${name}.k`, `${name}.v`], hidden, width, other),
      this.#dense([`${name}.o`], width, hidden, output),
      { layer, heads, scale: 1, dropout },
    );
  }

  #feedForward(sub: string): FeedForwardLayer {
    const { hidden, inner, factor, activation, gated, dropout } = this.sizes;
    const name = `${sub}.DenseReluDense`;
    const ups = gated ? [`${name}.wi_0`, `${name}.wi_1`] : [`${name}.wi`];
    return new FeedForwardLayer(
      this.#dense(ups, hidden, inner, normal(factor * hidden ** -0.5)),
      this.#dense([`${name}.wo`], inner, hidden, normal(factor * inner ** -0.5)),
      { activation, gated, dropout },
    );
  }
}

/** @param prefix of the parameters' names */
export function makeT5(
  store: ParameterStore,
  prefix: string,
  config: ModelConfig,
  defaults: T5Defaults,
): EncoderDecoder {
  const sizes = sizesOf(config, defaults);
  const { vocabulary, hidden, heads, headSize, inner, eps, dropout, factor, activation } = sizes;
  const layers = integerOf(config, "num_layers", defaults.layers, 0, 1 << 12);
  const words = store.declare(`${prefix}shared.weight`, [vocabulary, hidden], normal(factor));
  const makeSide = (side: "encoder" | "decoder", count: number): Side => {
    const maker = new LayerMaker(store, prefix + side, sizes, side === "decoder");
    const made = Array.from({ length: count }, (_, i) => maker.make(i));
    const start: Init = { kind: "constant", value: factor };
    const norm = new RmsNorm(store, `${prefix}${side}.final_layer_norm`, hidden, eps, start);
    const embed: Side["embed"] = (ids) => embedding([{ table: words.tensor, ids }]);
    return { stack: new ResidualStack(made, { norm, dropout }), heads, dropout, embed };
  };
  return new EncoderDecoder({
    sizes: {
      ...{ vocabulary, hidden, layers, heads, inner, eps, activation, width: hidden, types: undefined },
      ...{ positions: Number.POSITIVE_INFINITY, std: factor, paddingIdx: null },
      ...{ hiddenDropout: dropout, attentionDropout: dropout },
      ...{ attentionOutputDropout: dropout, feedForwardDropout: dropout },
    },
    words,
    inputWords: words,
    encoder: makeSide("encoder", layers),
    decoder: makeSide("decoder", integerOf(config, "num_decoder_layers", layers, 0, 1 << 12)),
    width: heads * headSize,
    positions: Number.POSITIVE_INFINITY,
  });
}

/**
 * T5's output layer: the word embeddings, or one of its own. Files of v1.1 come in two spellings (Transformers 5 says
 * that it is tied where it is not): a stored layer counts, but for the second copy that files of v1.0 hold.
 *
 * @param scaled whether the family scales hidden states before the layer, where the config does not say otherwise
 */
export function t5Projection(scaled: boolean) {
  return (
    store: ParameterStore,
    encoder: Encoder,
    config: ModelConfig,
    stored?: (name: string) => boolean,
  ): VocabularyProjection => {
    const { vocabulary, hidden, std } = encoder.sizes;
    const tied = config.tie_word_embeddings !== false;
    const scales = scaled && (config.scale_decoder_outputs ?? tied);
    const own = stored ? stored("lm_head.weight") && !(tied && scales) : !tied;
    const weight = own
      ? store.declare("lm_head.weight", [vocabulary, hidden], { kind: "normal", std }, true)
      : encoder.words;
    return { weight, scale: scales ? hidden ** -0.5 : 1 };
  };
}
