// The five stages of a tokenizer and what passes between them. A stage has one job and knows no other:
//   Normalizer    NormalizedText      -> NormalizedText (code units, each with its span in the original)
//   PreTokenizer  Pieces              -> finer Pieces (words; it may rewrite their text too)
//   Model         one word            -> TokenList (ids and original offsets)
//   PostProcessor one or two lists    -> which special tokens go where, and which spans are trimmed
//   Decoder       tokens              -> text
// All positions are UTF-16 code units. The buffers are reused from call to call: a stage appends.
// A stage is made from its part of tokenizer.json by a reader; registry.ts lists the readers by `type`.

import type { Fields } from "./fields.js";
import type { NormalizedText } from "./normalized-text.js";
import type { Pieces } from "./pieces.js";
import type { TokenList } from "./token-list.js";

/** Rewrites text and keeps track of where each code unit came from. */
export interface Normalizer {
  /** Appends the normalized form of all of `input` to `output`, which is empty. `input` may be changed. */
  normalize(input: NormalizedText, output: NormalizedText): void;
}

/** Splits text into words. */
export interface PreTokenizer {
  /** Replaces each piece by the pieces it falls into, in order; none of them may be empty. */
  preTokenize(pieces: Pieces): void;
}

/** Turns a word into tokens of a vocabulary. */
export interface Model {
  /** Number of ids: the greatest id is at most one less. */
  readonly size: number;
  /** Whether blanks are part of its tokens, so that cleaning up decoded text would remove real ones. */
  readonly keepsBlanks?: boolean;
  /** What marks a token inside a word. */
  readonly continuingSubwordPrefix?: string;
  /** Appends the tokens of the word `text[from, to)`, which is word number `word`, to `out`. */
  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void;
  /** The id of a token, or undefined. */
  tokenToId(token: string): number | undefined;
  /** The token of an id, or undefined. */
  idToToken(id: number): string | undefined;
  /** The model's part of tokenizer.json. */
  toJson(): Json;
  /** The vocabulary in the files of its family (vocab.txt, ...), by name; none where there is no such form. */
  vocabularyFiles(): Record<string, string>;
}

/** A special token, or the place of the first (0) or second (1) text. */
export type TemplatePiece =
  | { readonly id: number; readonly typeId: number }
  | { readonly sequence: 0 | 1; readonly typeId: number };

/** Cuts white space off the spans of byte-level tokens. */
export interface OffsetTrim {
  /** Keep one leading blank of a token at the start of a text: the tokenizer itself added it. */
  readonly addPrefixSpace: boolean;
}

/** Says what surrounds one or two texts. */
export interface PostProcessor {
  /** The order of texts and special tokens; without `addSpecialTokens` of texts alone. */
  pieces(pair: boolean, addSpecialTokens: boolean): readonly TemplatePiece[];
  /** Null: spans stay as they are. */
  readonly trim: OffsetTrim | null;
}

/** Turns tokens back into text. */
export interface Decoder {
  /** The pieces of text that the tokens stand for; joined they are the text. */
  decode(tokens: string[]): string[];
}

/** An object of a JSON file. */
export type Json = Record<string, unknown>;

/** Makes a stage from its part of tokenizer.json. `nested` makes the members of a sequence. */
export type StageReader<T> = (fields: Fields, nested: (fields: Fields) => T) => T;
