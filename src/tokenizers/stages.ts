// The five stages of a tokenizer and what passes between them. A stage has one job and knows no other:
//   Normalizer    text                -> NormalizedText (code units, each with its span in the original)
//   PreTokenizer  NormalizedText      -> Spans (words)
//   Model         one word            -> TokenList (ids and original offsets)
//   PostProcessor one or two lists    -> Encoding (special tokens, type ids)
//   Decoder       tokens              -> text
// All positions are UTF-16 code units. The buffers are reused from call to call: a stage appends.

import type { NormalizedText } from "./normalized-text.js";
import type { Spans, TokenList } from "./token-list.js";

/** Rewrites text and keeps track of where each code unit came from. */
export interface Normalizer {
  /** Appends the normalized form of `text[from, to)` to `out`. */
  normalize(text: string, from: number, to: number, out: NormalizedText): void;
}

/** Splits normalized text into words. */
export interface PreTokenizer {
  /** Appends the words within `text[from, to)` to `spans`. */
  split(text: NormalizedText, from: number, to: number, spans: Spans): void;
}

/** Turns a word into tokens of a vocabulary. */
export interface Model {
  /** Number of tokens; ids are 0 to size - 1. */
  readonly size: number;
  /** Appends the tokens of the word `text[from, to)`, which is word number `word`, to `out`. */
  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void;
  /** The id of a token, or undefined. */
  tokenToId(token: string): number | undefined;
  /** The token of an id, or undefined. */
  idToToken(id: number): string | undefined;
}

/** Turns tokens back into text. */
export interface Decoder {
  /** `cleanUp` also removes the blanks that English writes nowhere, such as before `n't`. */
  decode(tokens: string[], cleanUp: boolean): string;
}
