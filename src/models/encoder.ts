// What heads need of an encoder, whatever its family.
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import type { EncoderSizes } from "./encoder-sizes.js";

/** What an encoder gave, for a decoder to look at. */
export interface EncoderOutputs {
  /** f32 (S, C): rows of B sequences, one after another. */
  lastHiddenState: Tensor;
  /** i32 (B+1), as of a Batch. */
  offsets: Tensor;
}

export interface ForwardOptions {
  /** Also return the embeddings and each layer's output. */
  hiddenStates?: boolean;
  /** Also return attention probabilities: per layer, one (H, L, L) tensor per sequence. */
  attentions?: boolean;
  /** For decoders with cross-attention: as many sequences as the batch has. Without it they look at their own tokens alone. */
  encoderOutputs?: EncoderOutputs;
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
}

export interface Encoder {
  /** `hidden` is the width C of the hidden states, `hiddenDropout` what heads use that have none of their own. */
  readonly sizes: EncoderSizes;
  /** The word embeddings (V, E), to which an output layer may be tied. */
  readonly words: Parameter;
  /** Longest sequence. */
  readonly positions: number;
  readonly firstPosition: number;
  /** A token that takes no place in the count of positions and has its own id as position. */
  readonly uncountedToken?: number;
  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput;
}
