// WordPiece (Schuster and Nakajima 2012, as in BERT): a word is cut from the left, each time taking the
// longest token of the vocabulary; inside the word tokens carry a prefix. A word that cannot be cut, or is
// too long, is one unknown token.

import { AthanorError } from "../../errors.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import { find, Trie } from "./trie.js";

/** Options of WordPiece. */
export interface WordPieceOptions {
  /** Default `[UNK]`; must be in the vocabulary. */
  unkToken?: string;
  /** Marks a token inside a word. Default `##`. */
  continuingSubwordPrefix?: string;
  /** Longer words, in characters (code points), are unknown. Default 100. */
  maxInputCharsPerWord?: number;
}

/** Greedy longest-match-first segmentation. */
export class WordPiece implements Model {
  readonly #tokens: readonly string[];
  readonly #ids = new Map<string, number>();
  readonly #trie: Trie;
  readonly #first: number;
  readonly #inside: number;
  readonly #unknown: number;
  readonly #limit: number;

  /**
   * @param tokens the vocabulary: the id of a token is its place.
   * @throws AthanorError ERR_TOKENIZER: empty vocabulary, a token that is no string, appears twice, or
   *   holds a line feed; no unknown token.
   */
  constructor(tokens: readonly string[], options: WordPieceOptions = {}) {
    const unknown = options.unkToken ?? "[UNK]";
    const prefix = options.continuingSubwordPrefix ?? "##";
    checkVocabulary(tokens);
    this.#tokens = tokens;
    this.#limit = options.maxInputCharsPerWord ?? 100;
    this.#trie = new Trie(3 * tokens.length);
    this.#first = this.#trie.root();
    this.#inside = this.#trie.root();
    for (let id = 0; id < tokens.length; id++) this.#add(tokens[id], id, prefix);
    const id = this.#ids.get(unknown);
    if (id === undefined) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `WordPiece: the vocabulary must hold the unknown token ${JSON.stringify(unknown)}, ` +
          `got ${tokens.length} tokens without it`,
      );
    }
    this.#unknown = id;
  }

  get size(): number {
    return this.#tokens.length;
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const { units, starts, ends } = text;
    const { slots, mask } = this.#trie;
    const begin = out.length;
    let at = to - from > this.#limit && codePoints(units, from, to) > this.#limit ? to + 1 : from;
    let root = this.#first;
    while (at < to) {
      let node = root;
      let id = -1;
      let end = at;
      for (let i = at; i < to; ) {
        const slot = find(slots, mask, node, units[i++]);
        if (slots[slot] === 0) break;
        node = slots[slot + 2];
        const value = slots[slot + 3];
        if (value >= 0) {
          id = value;
          end = i;
        }
      }
      if (id < 0) break;
      out.push(id, starts[at], ends[end - 1], word);
      at = end;
      root = this.#inside;
    }
    if (at === to) return;
    out.length = begin;
    out.push(this.#unknown, starts[from], ends[to - 1], word);
  }

  #add(token: string, id: number, prefix: string): void {
    const known = this.#ids.get(token);
    if (known !== undefined) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `WordPiece: tokens must be distinct, got ${JSON.stringify(token)} as number ${known} ` +
          `and as number ${id}`,
      );
    }
    this.#ids.set(token, id);
    this.#trie.set(this.#first, token, 0, id);
    if (token.startsWith(prefix)) this.#trie.set(this.#inside, token, prefix.length, id);
  }
}

function checkVocabulary(tokens: readonly string[]): void {
  if (!Array.isArray(tokens)) {
    throw new AthanorError(
      "ERR_TOKENIZER",
      `WordPiece: the vocabulary must be an array of strings, got ${typeof tokens}`,
    );
  }
  if (tokens.length === 0) {
    throw new AthanorError(
      "ERR_TOKENIZER",
      "WordPiece: the vocabulary must hold at least one token, got none",
    );
  }
  for (let id = 0; id < tokens.length; id++) {
    const token: unknown = tokens[id];
    if (typeof token !== "string") {
      throw new AthanorError("ERR_TOKENIZER", `WordPiece: token ${id} must be a string, got ${typeof token}`);
    }
    // vocab.txt has one token per line
    if (token.includes("\n")) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `WordPiece: token ${id} must hold no line feed, got ${JSON.stringify(token)}`,
      );
    }
  }
}

function codePoints(units: Uint16Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if ((units[i] & 0xfc00) !== 0xdc00) count++;
  return count;
}
