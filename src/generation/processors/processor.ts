// What changes the scores of the next token before one is chosen. These are the readable reference of what the
// native op does for the common ones; each names the class of Transformers whose results it has.

export interface LogitsContext {
  /** Number of the example in the call. */
  example: number;
  /** Tokens before the first generated one. */
  promptLength: number;
  /** Length at which this example's sequences end, prompt included. */
  maxLength: number;
  /** The encoder's tokens, or the prompt of a decoder. */
  sourceIds: Int32Array;
}

/**
 * Changes the scores of one hypothesis's next token. Without beams these are logits; with beams log-probabilities, as
 * Transformers has it.
 *
 * @example
 * const noDigits: LogitsProcessor = {
 *   process(scores) {
 *     for (const id of digits) scores[id] = -Infinity;
 *   },
 * };
 * await model.generate(examples, { processors: [noDigits] });
 */
export interface LogitsProcessor {
  /**
   * @param scores (V), changed in place; -Infinity forbids a token
   * @param tokens all tokens so far, the prompt or the decoder's start included; not to be changed
   */
  process(scores: Float32Array, tokens: Int32Array, context: LogitsContext): void;
}

/** The next token's scores of one hypothesis. */
export interface ScoredRow {
  scores: Float32Array;
  tokens: Int32Array;
}

/** One that must see all hypotheses of a source at once. */
export interface GroupProcessor {
  processGroup(rows: readonly ScoredRow[], context: LogitsContext): void;
}

export const forbidden = Number.NEGATIVE_INFINITY;
