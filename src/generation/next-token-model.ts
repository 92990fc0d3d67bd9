// What a search needs of a model, whatever it keeps of the past: the scores of the token after each hypothesis.
import type { Tensor } from "../tensor/tensor.js";

/** One example, ready to be decoded. */
export interface Source {
  /** Its number in the call. */
  example: number;
  /** Tokens that the decoder begins with: the prompt, or the start token and what else is given. At least one. */
  prompt: Int32Array;
  /** The encoder's tokens; none for a decoder alone. */
  inputIds?: Int32Array;
  /** The most tokens of its sequences, the prompt's included: more than those. */
  maxLength: number;
}

/** A source that was taken in. */
export interface Admitted<State> {
  /** Of a first hypothesis without tokens. */
  state: State;
  /** Frees all that the model keeps of the source and its hypotheses. Twice is fine. */
  release(): void;
}

/** `State` is what the model keeps of one hypothesis: rows of a cache, or its tokens where there is none. */
export interface NextTokenModel<State> {
  /** V */
  readonly vocabulary: number;
  admit(sources: readonly Source[]): Admitted<State>[];
  /** Another hypothesis with the same past. */
  fork(state: State): State;
  /** A hypothesis that does not go on. */
  drop(state: State): void;
  /**
   * The hypotheses with these states get further tokens, at least one each.
   *
   * @returns f32 (N, V): the logits of the token after them; the caller disposes of it
   */
  step(states: readonly State[], tokens: readonly Int32Array[]): Tensor;
  /**
   * As step, with one token each that only the device knows: i32 (N). Models that need tokens on the host have none.
   * Hypotheses may end with that token: they are dropped as always.
   */
  stepAhead?(states: readonly State[], tokens: Tensor): Tensor;
  /** Frees everything; twice is fine. */
  dispose(): void;
}
