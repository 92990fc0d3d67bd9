// BART (Lewis et al. 2020, arXiv:1910.13461), mBART (Liu et al. 2020, arXiv:2001.08210) and Marian (Junczys-Dowmunt et
// al. 2018, arXiv:1804.00344), as in Transformers: encoder-decoders of the same layers, which differ in where norms
// are and in their positions.
import { CrossAttentionLayer, SelfAttentionLayer } from "../nn/attention-layers.js";
import { FeedForwardLayer } from "../nn/feed-forward.js";
import { SummingLayerNorm } from "../nn/norms.js";
import { type Init, type Parameter, type ParameterStore, zeros } from "../nn/parameter.js";
import { Dense } from "../nn/products.js";
import { ResidualLayer } from "../nn/residual-layer.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { embedding } from "../tensor/ops/linear.js";
import type { VocabularyProjection } from "./causal-language-model-head.js";
import { integerOf, type ModelConfig, numberOf } from "./config.js";
import type { Encoder } from "./encoder.js";
import { EncoderDecoder, type Side } from "./encoder-decoder.js";
import { type EncoderSizes, encoderSizes, type SizeEntries } from "./encoder-sizes.js";
import { ResidualStack } from "./residual-stack.js";
import { marianSinusoids } from "./sinusoids.js";

/** How a family differs from BART. */
export interface BartVariant {
  /** Norms before sub-layers, and one at the end of each side. */
  preNorm: boolean;
  /** Whether embeddings are normalised. */
  embeddingNorm: boolean;
  /** Positions are learned, from row 2 of their table, or computed. */
  learnedPositions: boolean;
  vocabulary: number;
  padding: number;
  /** Whether sides may have words of their own (share_encoder_decoder_embeddings). */
  ownWords: boolean;
}

export const bart: BartVariant = {
  preNorm: false,
  embeddingNorm: true,
  learnedPositions: true,
  vocabulary: 50265,
  padding: 1,
  ownWords: false,
};

export const mbart: BartVariant = { ...bart, preNorm: true };

export const marian: BartVariant = {
  preNorm: false,
  embeddingNorm: false,
  learnedPositions: false,
  vocabulary: 58101,
  padding: 58100,
  ownWords: true,
};

type SideName = "encoder" | "decoder";

// The first rows of the table are fairseq's, for padding; no token has them.
const FIRST_ROW = 2;
const EPS = 1e-5; // torch.nn.LayerNorm's own

function entriesOf(side: SideName, { vocabulary, padding }: BartVariant): SizeEntries {
  return {
    vocabulary: ["vocab_size", vocabulary],
    hidden: ["d_model", 1024],
    layers: [`${side}_layers`, 12],
    heads: [`${side}_attention_heads`, 16],
    inner: [`${side}_ffn_dim`, 4096],
    positions: ["max_position_embeddings", 1024],
    activation: ["activation_function", "gelu"],
    eps: EPS,
    hiddenDropout: ["dropout", 0.1],
    attentionDropout: ["attention_dropout", 0],
    paddingIdx: padding,
  };
}

function sizesOf(config: ModelConfig, side: SideName, variant: BartVariant): EncoderSizes {
  const std = numberOf(config, "init_std", 0.02, 0, 1e3);
  return { ...encoderSizes(config, entriesOf(side, variant)), std };
}

/** The layers of one side. */
class LayerMaker {
  readonly #init: Init;

  constructor(
    private readonly store: ParameterStore,
    private readonly side: string,
    private readonly sizes: EncoderSizes,
    private readonly settings: { decoder: boolean; preNorm: boolean; activationDropout: number },
  ) {
    this.#init = { kind: "normal", std: sizes.std };
  }

  make(layer: number): ResidualLayer {
    const { hidden, heads, inner, activation, hiddenDropout, attentionDropout } = this.sizes;
    const { decoder, preNorm, activationDropout } = this.settings;
    const name = `${this.side}.layers.${layer}`;
    const shared = { layer, heads, scale: 1 / Math.sqrt(hidden / heads), dropout: attentionDropout };
    const own = `${name}.self_attn`;
    const attention = new SelfAttentionLayer(
      this.#dense([`${own}.q_proj`, `${own}.k_proj`, `${own}.v_proj`], hidden, hidden),
      this.#dense([`${own}.out_proj`], hidden, hidden),
      { ...shared, causal: decoder },
    );
    const parts = [{ norm: this.norm(`${own}_layer_norm`), layer: attention }];
    const cross = `${name}.encoder_attn`;
    const toEncoder = () => ({
      norm: this.norm(`${cross}_layer_norm`),
      layer: new CrossAttentionLayer(
        this.#dense([`${cross}.q_proj`], hidden, hidden),
        this.#dense([`${cross}.k_proj`, `${cross}.v_proj`], hidden, hidden),
        this.#dense([`${cross}.out_proj`], hidden, hidden),
        shared,
      ),
    });
    const feedForward = new FeedForwardLayer(
      this.#dense([`${name}.fc1`], hidden, inner),
      this.#dense([`${name}.fc2`], inner, hidden),
      { activation, dropout: activationDropout },
    );
    const last = { norm: this.norm(`${name}.final_layer_norm`), layer: feedForward };
    const all = [...parts, ...(decoder ? [toEncoder()] : []), last];
    return new ResidualLayer(all, { preNorm, dropout: hiddenDropout });
  }

  norm(name: string): SummingLayerNorm {
    return new SummingLayerNorm(this.store, name, this.sizes.hidden, EPS);
  }

  #dense(names: string[], inSize: number, outSize: number): Dense {
    return new Dense(this.store, names, { inSize, outSize, bias: true }, this.#init);
  }
}

/** Words, positions and what is done to their sum: i32 (T) twice -> (T, C). */
function embedder(
  words: Parameter,
  positions: Parameter,
  norm: SummingLayerNorm | undefined,
  { learned, scale, paddingIdx }: { learned: boolean; scale: number; paddingIdx: number | null },
): Side["embed"] {
  return (ids, positionIds, counted) => {
    const table =
      learned && counted ? positions.tensor.slice(FIRST_ROW, positions.shape[0]) : positions.tensor;
    const word = { table: words.tensor, ids, paddingIdx };
    const place = { table, ids: positionIds };
    const sum =
      scale === 1 ? embedding([word, place]) : add(mul(embedding([word]), scale), embedding([place]));
    return norm ? norm.forward(sum) : sum;
  };
}

/** @param prefix "" for the bare model, "model." under a head */
export function makeBart(
  store: ParameterStore,
  prefix: string,
  config: ModelConfig,
  variant: BartVariant,
): EncoderDecoder {
  const sizes = {
    encoder: sizesOf(config, "encoder", variant),
    decoder: sizesOf(config, "decoder", variant),
  };
  const { hidden, positions, paddingIdx, std, hiddenDropout, vocabulary } = sizes.encoder;
  const { preNorm, learnedPositions: learned } = variant;
  const activationDropout = numberOf(config, "activation_dropout", 0, 0, 1);
  const scale = config.scale_embedding ? Math.sqrt(hidden) : 1;
  const declareWords = (name: string, rows: number): Parameter =>
    store.declare(prefix + name, [rows, hidden], { kind: "normal", std, zeroRow: paddingIdx ?? undefined });
  const shares = !variant.ownWords || config.share_encoder_decoder_embeddings !== false;
  const shared = shares ? declareWords("shared.weight", vocabulary) : undefined;
  const wordsOf = (side: SideName) => {
    const rows = side === "decoder" ? integerOf(config, "decoder_vocab_size", vocabulary) : vocabulary;
    return shared ?? declareWords(`${side}.embed_tokens.weight`, rows);
  };
  const computed = learned
    ? undefined
    : store.declareComputed(`${prefix}encoder.embed_positions.weight`, [positions, hidden], {
        kind: "values",
        values: () => marianSinusoids(positions, hidden),
      });
  const made = (side: SideName): { words: Parameter; side: Side } => {
    const name = prefix + side;
    const words = wordsOf(side);
    const table =
      computed ??
      store.declare(`${name}.embed_positions.weight`, [positions + FIRST_ROW, hidden], {
        kind: "normal",
        std,
      });
    const settings = { decoder: side === "decoder", preNorm, activationDropout };
    const maker = new LayerMaker(store, name, sizes[side], settings);
    const layers = Array.from({ length: sizes[side].layers }, (_, i) => maker.make(i));
    const first = variant.embeddingNorm ? maker.norm(`${name}.layernorm_embedding`) : undefined;
    const last = preNorm ? maker.norm(`${name}.layer_norm`) : undefined;
    const embed = embedder(words, table, first, { learned, scale, paddingIdx });
    return {
      words,
      side: {
        stack: new ResidualStack(layers, { norm: last }),
        heads: sizes[side].heads,
        dropout: hiddenDropout,
        embed,
      },
    };
  };
  const [encoder, decoder] = [made("encoder"), made("decoder")];
  return new EncoderDecoder({
    sizes: { ...sizes.encoder, vocabulary: decoder.words.shape[0] },
    words: decoder.words,
    inputWords: encoder.words,
    encoder: encoder.side,
    decoder: decoder.side,
    width: hidden,
    positions,
    firstPosition: learned ? FIRST_ROW : 0,
    layerDrop: ["encoder_layerdrop", "decoder_layerdrop"].filter((name) => config[name]),
  });
}

/** The word embeddings again, or a layer of its own, with a bias that is stored and not trained. */
export function bartProjection(
  store: ParameterStore,
  encoder: Encoder,
  config: ModelConfig,
): VocabularyProjection {
  const { vocabulary, hidden, std } = encoder.sizes;
  const bias = store.declareStored("final_logits_bias", [1, vocabulary], zeros);
  if (config.tie_word_embeddings !== false) return { weight: encoder.words, bias };
  const init: Init = { kind: "normal", std };
  return { weight: store.declare("lm_head.weight", [vocabulary, hidden], init, true), bias };
}
