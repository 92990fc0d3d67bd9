// What heads need of an encoder, whatever its family.
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";

export interface ForwardOptions {
  /** Also return the embeddings and each layer's output. */
  hiddenStates?: boolean;
  /** Also return attention probabilities: per layer, one (H, L, L) tensor per sequence. */
  attentions?: boolean;
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
  /** Width C of the hidden states. */
  readonly hiddenSize: number;
  /** The word embeddings (V, C), to which an output layer may be tied. */
  readonly words: Parameter;
  /** Longest sequence. */
  readonly positions: number;
  readonly firstPosition: number;
  /** Probability of dropout between layers; heads use it where they have none of their own. */
  readonly hiddenDropout: number;
  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput;
}
