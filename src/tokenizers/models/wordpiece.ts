// WordPiece (Schuster and Nakajima 2012, as in BERT): a word is cut from the left, each time taking the
// longest token of the vocabulary; inside the word tokens carry a prefix. A word that cannot be cut, or is
// too long, is one unknown token.

import { AthanorError } from "../../errors.js";
import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Json, Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import { find, Trie } from "./trie.js";
import { idsByToken, readTokens, repeatedToken, type Tokens } from "./vocabulary.js";

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
  readonly #tokens: Tokens;
  readonly #ids = new Map<string, number>();
  readonly #trie: Trie;
  readonly #first: number;
  readonly #inside: number;
  readonly #unknown: number;
  readonly #unkToken: string;
  readonly #prefix: string;
  readonly #limit: number;

  /**
   * @param vocabulary tokens, of which the place is the id, or an object of ids by token.
   * @throws AthanorError ERR_TOKENIZER: see `readTokens`; no unknown token.
   */
  constructor(vocabulary: unknown, options: WordPieceOptions = {}) {
    this.#unkToken = options.unkToken ?? "[UNK]";
    this.#prefix = options.continuingSubwordPrefix ?? "##";
    this.#limit = options.maxInputCharsPerWord ?? 100;
    const tokens = readTokens("WordPiece", vocabulary);
    this.#tokens = tokens;
    this.#trie = new Trie(3 * tokens.length);
    this.#first = this.#trie.root();
    this.#inside = this.#trie.root();
    for (let id = 0; id < tokens.length; id++) {
      const token = tokens[id];
      if (token !== undefined) this.#add(token, id);
    }
    const unknown = this.#ids.get(this.#unkToken);
    if (unknown === undefined) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `WordPiece: the vocabulary must hold the unknown token ${JSON.stringify(this.#unkToken)}, ` +
          `got ${tokens.length} tokens without it`,
      );
    }
    this.#unknown = unknown;
  }

  get continuingSubwordPrefix(): string {
    return this.#prefix;
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

  toJson(): Json {
    return {
      type: "WordPiece",
      unk_token: this.#unkToken,
      continuing_subword_prefix: this.#prefix,
      max_input_chars_per_word: this.#limit,
      vocab: idsByToken(this.#tokens),
    };
  }

  // vocab.txt has one token per line, and its place is its id.
  vocabularyFiles(): Record<string, string> {
    const fits = this.#tokens.every((token) => token !== undefined && !token.includes("\n"));
    return fits ? { "vocab.txt": `${this.#tokens.join("\n")}\n` } : {};
  }

  #add(token: string, id: number): void {
    const known = this.#ids.get(token);
    if (known !== undefined) throw repeatedToken("WordPiece", token, known, id);
    this.#ids.set(token, id);
    this.#trie.set(this.#first, token, 0, id);
    if (token.startsWith(this.#prefix)) this.#trie.set(this.#inside, token, this.#prefix.length, id);
  }
}

/** WordPiece of tokenizer.json. */
export function readWordPiece(fields: Fields): WordPiece {
  return new WordPiece(fields.get("vocab"), {
    unkToken: fields.string("unk_token", "[UNK]"),
    continuingSubwordPrefix: fields.string("continuing_subword_prefix", "##"),
    maxInputCharsPerWord: fields.count("max_input_chars_per_word", 100),
  });
}

function codePoints(units: Uint16Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if ((units[i] & 0xfc00) !== 0xdc00) count++;
  return count;
}
