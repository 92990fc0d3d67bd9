// GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners"), as transformers.GPT2Model: word
// and position embeddings, L pre-norm layers of causal attention, a norm. All tensors are ragged: T tokens of B
// sequences, hidden size C.
import { type LayerRun, SelfAttentionLayer } from "../nn/attention-layers.js";
import { FeedForwardLayer } from "../nn/feed-forward.js";
import type { KeyValueCache } from "../nn/key-value-cache.js";
import { SummingLayerNorm } from "../nn/norms.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { Conv1d } from "../nn/products.js";
import { ResidualLayer } from "../nn/residual-layer.js";
import { embedding } from "../tensor/ops/linear.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import { integerOf, type ModelConfig, numberOf, refuseEntry } from "./config.js";
import type { CachedDecoder, Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";
import { type EncoderSizes, encoderSizes, type SizeEntries } from "./encoder-sizes.js";
import { headDropout } from "./head.js";
import { perSequence } from "./layer-stack.js";
import { ResidualStack } from "./residual-stack.js";

const DEFAULT_HIDDEN = 768;

/** Those of transformers.GPT2Config. */
const entries: SizeEntries = {
  vocabulary: ["vocab_size", 50257],
  hidden: ["n_embd", DEFAULT_HIDDEN, "hidden_size"],
  layers: ["n_layer", 12, "num_hidden_layers"],
  heads: ["n_head", 12, "num_attention_heads"],
  inner: ["n_inner", 0],
  positions: ["n_positions", 1024, "max_position_embeddings"],
  activation: ["activation_function", "gelu_new"],
  eps: ["layer_norm_epsilon", 1e-5],
  hiddenDropout: ["resid_pdrop", 0.1],
  attentionDropout: ["attn_pdrop", 0.1],
  paddingIdx: 0,
};

function sizesOf(config: ModelConfig): EncoderSizes {
  const hidden = integerOf(config, config.n_embd === undefined ? "hidden_size" : "n_embd", DEFAULT_HIDDEN);
  refuseEntry(config, "add_cross_attention", "a decoder without an encoder");
  // GPT-2 has no padding of its own: who pads may name an id beyond the vocabulary.
  const { pad_token_id: _, ...rest } = config;
  return encoderSizes(rest, { ...entries, inner: ["n_inner", 4 * hidden] });
}

export class Gpt2Decoder implements Encoder, CachedDecoder {
  readonly sizes: EncoderSizes;
  readonly positions: number;
  readonly firstPosition = 0;
  readonly words: Parameter;
  readonly layers: number;
  readonly width: number;
  readonly decoder = this;
  readonly #positions: Parameter;
  readonly #embeddingDropout: number;
  readonly #stack: ResidualStack;

  /** @param prefix "" for the bare model, "transformer." under a head */
  constructor(store: ParameterStore, prefix: string, config: ModelConfig) {
    const sizes = sizesOf(config);
    const { vocabulary, hidden, layers, eps, std } = sizes;
    const init: Init = { kind: "normal", std };
    this.sizes = sizes;
    this.positions = sizes.positions;
    this.layers = layers;
    this.width = hidden;
    this.words = store.declare(`${prefix}wte.weight`, [vocabulary, hidden], init);
    this.#positions = store.declare(`${prefix}wpe.weight`, [sizes.positions, hidden], init);
    this.#embeddingDropout = numberOf(config, "embd_pdrop", 0.1, 0, 1);
    const made = Array.from({ length: layers }, (_, i) =>
      makeLayer(store, `${prefix}h.${i}`, i, sizes, config),
    );
    this.#stack = new ResidualStack(made, {
      norm: new SummingLayerNorm(store, `${prefix}ln_f`, hidden, eps),
    });
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    const run: LayerRun = {
      training,
      offsets: batch.offsets,
      attentions: options.attentions ? [] : undefined,
    };
    const x = headDropout(this.#embed(batch.inputIds, batch.positionIds), this.#embeddingDropout, training);
    const output = this.#stack.forward(x, run, options);
    const attentions = run.attentions?.map((weights) => perSequence(weights, batch, this.sizes.heads));
    return { ...output, attentions };
  }

  decode(inputIds: Tensor, cache: KeyValueCache): Tensor {
    return this.#stack.forward(this.#embed(inputIds, cache.positionIds), { training: false, cache }).hidden;
  }

  /** i32 (T) twice -> (T, C) */
  #embed(inputIds: Tensor, positionIds: Tensor): Tensor {
    return embedding([
      { table: this.words.tensor, ids: inputIds },
      { table: this.#positions.tensor, ids: positionIds },
    ]);
  }
}

function makeLayer(
  store: ParameterStore,
  name: string,
  layer: number,
  sizes: EncoderSizes,
  config: ModelConfig,
): ResidualLayer {
  const { hidden, heads, inner, eps, std, activation, hiddenDropout, attentionDropout } = sizes;
  const init: Init = { kind: "normal", std };
  // Products that end a sub-layer start smaller, as the residual sums grow with depth.
  const last: Init = { kind: "normal", std: std / Math.sqrt(2 * sizes.layers) };
  const norm = (which: string) => new SummingLayerNorm(store, `${name}.${which}`, hidden, eps);
  const product = (which: string, inSize: number, outSize: number, start: Init) =>
    new Conv1d(store, `${name}.${which}`, inSize, outSize, start);
  const scaled = config.scale_attn_weights === false ? 1 : 1 / Math.sqrt(hidden / heads);
  const scale = config.scale_attn_by_inverse_layer_idx ? scaled / (layer + 1) : scaled;
  const attentionNorm = norm("ln_1");
  const attention = new SelfAttentionLayer(
    product("attn.c_attn", hidden, 3 * hidden, init),
    product("attn.c_proj", hidden, hidden, last),
    { layer, heads, scale, dropout: attentionDropout, causal: true },
  );
  const outputNorm = norm("ln_2");
  const feedForward = new FeedForwardLayer(
    product("mlp.c_fc", hidden, inner, init),
    product("mlp.c_proj", inner, hidden, last),
    { activation, dropout: 0 },
  );
  return new ResidualLayer(
    [
      { norm: attentionNorm, layer: attention },
      { norm: outputNorm, layer: feedForward },
    ],
    { preNorm: true, dropout: hiddenDropout },
  );
}
