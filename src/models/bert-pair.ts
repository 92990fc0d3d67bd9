// Two BERTs as encoder and decoder (Rothe et al. 2020, arXiv:1907.12461), as transformers.EncoderDecoderModel: the
// decoder's layers are causal and attend to the encoder's output.
import { AthanorError } from "../errors.js";
import { CrossAttentionLayer, SelfAttentionLayer } from "../nn/attention-layers.js";
import { FeedForwardLayer } from "../nn/feed-forward.js";
import { LayerNorm, Linear, TextEmbeddings } from "../nn/layers.js";
import { SummingLayerNorm } from "../nn/norms.js";
import { type Init, type Parameter, type ParameterStore, zeros } from "../nn/parameter.js";
import { Dense } from "../nn/products.js";
import { ResidualLayer } from "../nn/residual-layer.js";
import { tensor } from "../tensor/tensor.js";
import type { VocabularyProjection } from "./causal-language-model-head.js";
import { type ModelConfig, plainConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import { EncoderDecoder, type Side } from "./encoder-decoder.js";
import { bertEntries, type EncoderSizes, encoderSizes } from "./encoder-sizes.js";
import { ResidualStack } from "./residual-stack.js";

/** The config of one of the two. @throws ERR_CHECKPOINT */
function sideConfig(config: ModelConfig, side: "encoder" | "decoder"): ModelConfig {
  const own = plainConfig(config[side], `config: ${side}`);
  if (own.model_type !== "bert") {
    const came = JSON.stringify(own.model_type);
    throw new AthanorError("ERR_CHECKPOINT", `config: ${side}.model_type must be "bert", got ${came}`);
  }
  return own;
}

function sizesOf(config: ModelConfig): EncoderSizes {
  // What a decoder has beside is made here, whatever its config says of it.
  const { is_decoder: _, add_cross_attention: __, ...rest } = config;
  return encoderSizes(rest, bertEntries);
}

/** The layers of one of the two. */
class LayerMaker {
  readonly #init: Init;

  constructor(
    private readonly store: ParameterStore,
    private readonly prefix: string,
    private readonly sizes: EncoderSizes,
    private readonly isDecoder: boolean,
  ) {
    this.#init = { kind: "normal", std: sizes.std };
  }

  make(layer: number): ResidualLayer {
    const { hidden, inner, activation, hiddenDropout } = this.sizes;
    const name = `${this.prefix}.encoder.layer.${layer}`;
    const own = {
      layer: this.#selfAttention(`${name}.attention`, layer),
      norm: this.#norm(`${name}.attention.output`),
    };
    const cross = `${name}.crossattention`;
    const others = this.isDecoder
      ? [{ layer: this.#crossAttention(cross, layer), norm: this.#norm(`${cross}.output`) }]
      : [];
    const feedForward = new FeedForwardLayer(
      this.#dense([`${name}.intermediate.dense`], hidden, inner),
      this.#dense([`${name}.output.dense`], inner, hidden),
      { activation, dropout: 0 },
    );
    const last = { layer: feedForward, norm: this.#norm(`${name}.output`) };
    return new ResidualLayer([own, ...others, last], { preNorm: false, dropout: hiddenDropout });
  }

  #selfAttention(part: string, layer: number): SelfAttentionLayer {
    const { hidden } = this.sizes;
    const names = ["query", "key", "value"].map((name) => `${part}.self.${name}`);
    const output = `${part}.output.dense`;
    const settings = { ...this.#settings(layer), causal: this.isDecoder };
    return new SelfAttentionLayer(
      this.#dense(names, hidden, hidden),
      this.#dense([output], hidden, hidden),
      settings,
    );
  }

  #crossAttention(part: string, layer: number): CrossAttentionLayer {
    const { hidden } = this.sizes;
    return new CrossAttentionLayer(
      this.#dense([`${part}.self.query`], hidden, hidden),
      this.#dense([`${part}.self.key`, `${part}.self.value`], hidden, hidden),
      this.#dense([`${part}.output.dense`], hidden, hidden),
      this.#settings(layer),
    );
  }

  #settings(layer: number) {
    const { hidden, heads, attentionDropout } = this.sizes;
    return { layer, heads, scale: 1 / Math.sqrt(hidden / heads), dropout: attentionDropout };
  }

  #norm(part: string): SummingLayerNorm {
    return new SummingLayerNorm(this.store, `${part}.LayerNorm`, this.sizes.hidden, this.sizes.eps);
  }

  #dense(names: string[], inSize: number, outSize: number): Dense {
    return new Dense(this.store, names, { inSize, outSize, bias: true }, this.#init);
  }
}

function makeSide(
  store: ParameterStore,
  prefix: string,
  sizes: EncoderSizes,
  isDecoder: boolean,
): { words: Parameter; side: Side } {
  const { std, paddingIdx, layers, heads } = sizes;
  const embeddings = new TextEmbeddings(store, `${prefix}.embeddings`, sizes, { std, paddingIdx });
  const maker = new LayerMaker(store, prefix, sizes, isDecoder);
  const stack = new ResidualStack(
    Array.from({ length: layers }, (_, i) => maker.make(i)),
    {},
  );
  const embed: Side["embed"] = (inputIds, positionIds, _, tokenTypeIds) => {
    const count = inputIds.shape[0];
    const device = inputIds.device as "cpu";
    const types = tokenTypeIds ?? tensor(new Int32Array(count), [count], { device });
    return embeddings.forward({ inputIds, positionIds, tokenTypeIds: types }, 0);
  };
  return { words: embeddings.words, side: { stack, heads, dropout: sizes.hiddenDropout, embed } };
}

export function makeBertPair(store: ParameterStore, config: ModelConfig): EncoderDecoder {
  const [encoderSizes, decoderSizes] = [
    sizesOf(sideConfig(config, "encoder")),
    sizesOf(sideConfig(config, "decoder")),
  ];
  const { hidden } = encoderSizes;
  if (decoderSizes.hidden !== hidden) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: decoder.hidden_size must be the encoder's, ${hidden}, got ${decoderSizes.hidden}`,
    );
  }
  const encoder = makeSide(store, "encoder", encoderSizes, false);
  // Stored with the encoder, and read by nobody.
  new Linear(store, "encoder.pooler.dense", hidden, hidden, { kind: "normal", std: encoderSizes.std });
  const decoder = makeSide(store, "decoder.bert", decoderSizes, true);
  return new EncoderDecoder({
    sizes: decoderSizes,
    words: decoder.words,
    inputWords: encoder.words,
    encoder: encoder.side,
    decoder: decoder.side,
    width: hidden,
    positions: Math.min(encoderSizes.positions, decoderSizes.positions),
  });
}

/** BERT's head for masked words over the decoder: dense, activation, norm, the decoder's words with a bias. */
export function bertPairProjection(
  store: ParameterStore,
  encoder: Encoder,
  config: ModelConfig,
): VocabularyProjection {
  const { vocabulary, hidden, std, eps, activation } = encoder.sizes;
  const name = "decoder.cls.predictions";
  const init: Init = { kind: "normal", std };
  const bias = store.declare(`${name}.bias`, [vocabulary], zeros);
  const transform = new Linear(store, `${name}.transform.dense`, hidden, hidden, init);
  const norm = new LayerNorm(store, `${name}.transform.LayerNorm`, hidden, eps);
  const tied = sideConfig(config, "decoder").tie_word_embeddings !== false;
  const weight = tied
    ? encoder.words
    : store.declare(`${name}.decoder.weight`, [vocabulary, hidden], init, true);
  return { weight, bias, features: (x) => norm.forward(transform.forward(x, activation)) };
}
