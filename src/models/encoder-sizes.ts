// The numbers of an encoder's config, read and checked by a table per family: which entry holds what, and what
// Transformers' config class takes where it is missing.
import { AthanorError } from "../errors.js";
import { activationOf } from "../nn/activation.js";
import type { PostNormLayerSizes } from "../nn/post-norm-layer.js";
import type { Activation } from "../tensor/ops/linear.js";
import { integerOf, type ModelConfig, numberOf } from "./config.js";
import { type Abilities, variations } from "./encoder-variations.js";

export interface EncoderSizes extends PostNormLayerSizes {
  vocabulary: number;
  layers: number;
  /** Rows of the position table. */
  positions: number;
  /** Width E of the embedding tables: `hidden` but for families that factorise them. */
  width: number;
  /** Rows of the token type table; none without. */
  types: number | undefined;
  activation: Activation;
  /** Of embeddings and sub-layers; heads use it that have none of their own. */
  hiddenDropout: number;
  paddingIdx: number | null;
  /** Whether layers look at an encoder's output. */
  crossAttention: boolean;
  /** Heads that are gone, by layer. */
  prunedHeads: ReadonlyMap<number, ReadonlySet<number>>;
}

/** An entry's name, its default and another name that Transformers reads it under. */
type Entry<T> = readonly [name: string, fallback: T, other?: string];

/** Where a family's config keeps its sizes; a plain number is fixed. */
export interface SizeEntries {
  vocabulary: Entry<number>;
  hidden: Entry<number>;
  layers: Entry<number>;
  heads: Entry<number>;
  inner: Entry<number>;
  positions: Entry<number>;
  /** Not where embeddings are as wide as hidden states. */
  width?: Entry<number>;
  types?: Entry<number>;
  activation: Entry<string>;
  eps: Entry<number> | number;
  hiddenDropout: Entry<number>;
  /** The sub-layer whose output the reference does not drop. */
  undropped?: "attention" | "feedForward";
  attentionDropout: Entry<number>;
  paddingIdx: number;
}

/** Those of transformers.BertConfig. */
export const bertEntries: SizeEntries = {
  vocabulary: ["vocab_size", 30522],
  hidden: ["hidden_size", 768],
  layers: ["num_hidden_layers", 12],
  heads: ["num_attention_heads", 12],
  inner: ["intermediate_size", 3072],
  positions: ["max_position_embeddings", 512],
  types: ["type_vocab_size", 2],
  activation: ["hidden_act", "gelu"],
  eps: ["layer_norm_eps", 1e-12],
  hiddenDropout: ["hidden_dropout_prob", 0.1],
  attentionDropout: ["attention_probs_dropout_prob", 0.1],
  paddingIdx: 0,
};

/** @throws ERR_CHECKPOINT naming the entry, what is needed and what came */
export function encoderSizes(
  config: ModelConfig,
  entries: SizeEntries,
  abilities: Abilities = {},
): EncoderSizes {
  const nameIn = ([name, , other]: Entry<unknown>) =>
    other !== undefined && config[name] === undefined && config[other] !== undefined ? other : name;
  const integer = (entry: Entry<number>, least: number, most: number) =>
    integerOf(config, nameIn(entry), entry[1], least, most);
  const number = (entry: Entry<number> | number, most: number) =>
    typeof entry === "number" ? entry : numberOf(config, nameIn(entry), entry[1], 0, most);

  const hidden = integer(entries.hidden, 1, 1 << 20);
  const heads = integer(entries.heads, 1, 1 << 12);
  if (hidden % heads !== 0) {
    const [hiddenName, headsName] = [nameIn(entries.hidden), nameIn(entries.heads)];
    throw wrong(`${hiddenName} must be a multiple of ${headsName}, got ${hidden} and ${heads}`);
  }
  const layers = integer(entries.layers, 0, 1 << 12);
  const positions = integer(entries.positions, 1, 1 << 24);
  const vocabulary = integer(entries.vocabulary, 1, 2 ** 31 - 1);
  const hiddenDropout = number(entries.hiddenDropout, 1);
  const padding = () => integerOf(config, "pad_token_id", entries.paddingIdx, 0, vocabulary - 1);
  return {
    vocabulary,
    hidden,
    layers,
    heads,
    inner: integer(entries.inner, 1, 1 << 24),
    positions,
    width: entries.width ? integer(entries.width, 1, 1 << 20) : hidden,
    types: entries.types && integer(entries.types, 1, 1 << 16),
    activation: activationOf(config[entries.activation[0]] ?? entries.activation[1], entries.activation[0]),
    eps: number(entries.eps, 1),
    std: numberOf(config, "initializer_range", 0.02, 0, 1e3),
    hiddenDropout,
    attentionOutputDropout: entries.undropped === "attention" ? 0 : hiddenDropout,
    feedForwardDropout: entries.undropped === "feedForward" ? 0 : hiddenDropout,
    attentionDropout: number(entries.attentionDropout, 1),
    paddingIdx: config.pad_token_id === null ? null : padding(),
    headSize: hidden / heads,
    ...variations(config, abilities, { positions, layers, heads }),
  };
}

/** The sizes of a layer, fewer heads where some are pruned. */
export function layerSizes(sizes: EncoderSizes, layer: number): PostNormLayerSizes {
  return { ...sizes, heads: sizes.heads - (sizes.prunedHeads.get(layer)?.size ?? 0) };
}

function wrong(what: string): AthanorError {
  return new AthanorError("ERR_CHECKPOINT", `config: ${what}`);
}
