// What heads need of an encoder, whatever its family.
import type { KeyValueCache } from "../nn/key-value-cache.js";
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import type { EncoderSizes } from "./encoder-sizes.js";

export interface ForwardOptions {
  /**
   * Decoding: the batch's tokens follow what the cache keeps of the sequences of its current step (`cache.begin`), and
   * logits are those of each sequence's last token, (N, V). Without gradients.
   */
  cache?: KeyValueCache;
  /**
   * Encoder-decoders: what `encode` gave, instead of the encoder running again. With a cache the keys and values of
   * the sources admitted last are made of it. BERT as a decoder with cross-attention: what it looks at, as many
   * sequences as the batch has; without it tokens see their own sequence alone.
   */
  encoderOutputs?: Omit<EncoderOutputs, "lengths">;
  /** Also return the embeddings and each layer's output. */
  hiddenStates?: boolean;
  /** Also return attention probabilities: per layer, one (H, L, L) tensor per sequence. */
  attentions?: boolean;
}

/** What an encoder-decoder's encoder makes of sources. */
export interface EncoderOutputs {
  /** (S, C), the sources' tokens one after another */
  lastHiddenState: Tensor;
  /** i32 (B+1) */
  offsets: Tensor;
  /** Tokens of each source, for `cache.admit`. */
  lengths: number[];
}

/** What Model passes on to the encoder. */
export interface EncoderOptions extends ForwardOptions {
  /** Of each layer only its input is kept for backward: see nn/recompute.ts. */
  recompute?: boolean;
}

export interface EncoderOutput {
  /** (T, C) */
  hidden: Tensor;
  /** (B, C), where the family has a pooler and the head wants it */
  pooled?: Tensor;
  hiddenStates?: Tensor[];
  attentions?: Tensor[][];
  /** Of an encoder-decoder, whose `hidden` are the decoder's: what else is asked for, by the output's name. */
  others?: Partial<Record<"encoderLastHiddenState", Tensor>> &
    Partial<Record<"encoderHiddenStates" | "decoderHiddenStates", Tensor[]>> &
    Partial<Record<"encoderAttentions" | "decoderAttentions" | "crossAttentions", Tensor[][]>>;
}

/** What decoding with a cache needs of a model. */
export interface CachedDecoder {
  readonly layers: number;
  /** Columns of keys and of values. */
  readonly width: number;
  /** Longest target, prompt included. */
  readonly positions: number;
  /** New tokens i32 (T) of the cache's current step -> (T, C). */
  decode(inputIds: Tensor, cache: KeyValueCache): Tensor;
  /** Encoder-decoders: hidden states of the batch's sources, (S, C). */
  encode?(batch: Batch, training: boolean): Tensor;
  /** Encoder-decoders: keeps what the layers attend to, hidden (S, C) of the sources admitted last. */
  keepMemory?(cache: KeyValueCache, hidden: Tensor): void;
}

export interface Encoder {
  /** `hidden` is the width C of the hidden states, `hiddenDropout` what heads use that have none of their own. */
  readonly sizes: EncoderSizes;
  /** The word embeddings (V, E), to which an output layer may be tied. */
  readonly words: Parameter;
  /** How many ids `inputIds` may have, where `words` are not the encoder's but the decoder's. */
  readonly inputVocabulary?: number;
  /** Longest sequence. */
  readonly positions: number;
  readonly firstPosition: number;
  /** A token that takes no place in the count of positions and has its own id as position. */
  readonly uncountedToken?: number;
  /** Where the family generates. */
  readonly decoder?: CachedDecoder;
  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput;
}
