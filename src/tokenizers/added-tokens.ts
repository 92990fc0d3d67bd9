// Tokens that are found in the text as they stand, before any other stage sees it: the special tokens, and
// those added to a trained vocabulary. The leftmost match counts, and of several at one place the longest.

import { AthanorError } from "../errors.js";
import { find, Trie } from "./models/trie.js";
import { NormalizedText } from "./normalized-text.js";
import type { Json, Normalizer } from "./stages.js";
import { characterClasses, isWhiteSpace, WORD } from "./unicode/classes.js";

/** How an added token is matched. */
export interface AddedTokenOptions {
  /** The text of the token. */
  content: string;
  /** Left out by `skipSpecialTokens`. Default false. */
  special?: boolean;
  /** Compare with the normalized text, not with the original. Default: not special. */
  normalized?: boolean;
  /** White space before the token belongs to it. Default false. */
  lstrip?: boolean;
  /** White space after the token belongs to it. Default false. */
  rstrip?: boolean;
  /** Matches only where no letter, digit or underscore is next to it. Default false. */
  singleWord?: boolean;
}

/** An added token with its id; nothing is left open. */
export type AddedToken = Required<AddedTokenOptions> & { id: number };

/** A token found: `text[start, end)` belongs to it, of which `text[from, to)` is the token itself. */
export interface AddedMatch {
  id: number;
  start: number;
  from: number;
  to: number;
  end: number;
}

/** Fills in the defaults. */
export function addedToken(options: AddedTokenOptions, id: number): AddedToken {
  const special = options.special ?? false;
  return {
    id,
    content: options.content,
    special,
    normalized: options.normalized ?? !special,
    lstrip: options.lstrip ?? false,
    rstrip: options.rstrip ?? false,
    singleWord: options.singleWord ?? false,
  };
}

/** An added token as tokenizer.json and tokenizer_config.json have it. */
export function addedTokenJson(token: AddedToken): Json {
  const { content, lstrip, normalized, rstrip, singleWord, special } = token;
  return { content, single_word: singleWord, lstrip, rstrip, normalized, special };
}

/** A set of added tokens. */
export class AddedTokens {
  readonly all: readonly AddedToken[];
  /** Those to be looked for in the original text. */
  readonly original: AddedMatcher | null;
  /** Those to be looked for in the normalized text. */
  readonly normalized: AddedMatcher | null;
  readonly #ids = new Map<string, number>();
  readonly #byId = new Map<number, AddedToken>();
  readonly #decoded = new Map<number, string>();

  /** @param normalizer for tokens that are compared with normalized text. */
  constructor(tokens: readonly AddedToken[], normalizer: Normalizer | null) {
    this.all = tokens;
    for (const token of tokens) {
      if (token.content === "")
        throw new AthanorError("ERR_TOKENIZER", 'added token: must not be empty, got ""');
      this.#ids.set(token.content, token.id);
      this.#byId.set(token.id, token);
    }
    this.original = matcher(tokens.filter((token) => !token.normalized));
    const changed = tokens
      .filter((token) => token.normalized)
      .map((token) => ({ ...token, content: normalized(normalizer, token.content) }))
      .filter((token) => token.content !== "");
    for (const { id, content } of changed) this.#decoded.set(id, content);
    this.normalized = matcher(changed);
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content);
  }

  contentOf(id: number): string | undefined {
    return this.#byId.get(id)?.content;
  }

  /** The text that a token stands for when decoding: as it was found, in normalized text or in the original. */
  decodedContentOf(id: number): string | undefined {
    return this.#decoded.get(id) ?? this.contentOf(id);
  }

  isSpecial(id: number): boolean {
    return this.#byId.get(id)?.special ?? false;
  }
}

/** Finds tokens in a text. */
export class AddedMatcher {
  readonly #tokens: ReadonlyMap<number, AddedToken>;
  readonly #trie: Trie;
  readonly #root: number;
  // Whether a token begins with the unit: hardly any place of a text passes this
  readonly #begins = new Uint8Array(0x10000);

  constructor(tokens: readonly AddedToken[]) {
    this.#tokens = new Map(tokens.map((token) => [token.id, token]));
    this.#trie = new Trie(tokens.reduce((sum, token) => sum + token.content.length, 0));
    this.#root = this.#trie.root();
    for (const token of tokens) {
      this.#trie.set(this.#root, token.content, 0, token.id);
      this.#begins[token.content.charCodeAt(0)] = 1;
    }
  }

  /**
   * The first token in `text[from, to)`, or null. White space is taken from there alone, and a neighbour
   * beyond `begin` and `to` is none.
   */
  find(text: NormalizedText, begin: number, from: number, to: number): AddedMatch | null {
    const { units } = text;
    const begins = this.#begins;
    for (let at = from; at < to; at++) {
      if (begins[units[at]] === 0) continue;
      const found = this.#longestAt(units, at, to);
      if (found === null) continue;
      const token = this.#tokens.get(found.id)!;
      if (token.singleWord && touchesWord(text, begin, at, found.end, to)) {
        at = found.end - 1;
        continue;
      }
      let start = at;
      let end = found.end;
      if (token.lstrip) while (start > from && isWhiteSpace(units[start - 1])) start--;
      if (token.rstrip) while (end < to && isWhiteSpace(units[end])) end++;
      return { id: token.id, start, from: at, to: found.end, end };
    }
    return null;
  }

  #longestAt(units: Uint16Array, at: number, to: number): { id: number; end: number } | null {
    const { slots, mask } = this.#trie;
    let node = this.#root;
    let best: { id: number; end: number } | null = null;
    for (let i = at; i < to; ) {
      const slot = find(slots, mask, node, units[i++]);
      if (slots[slot] === 0) break;
      node = slots[slot + 2];
      if (slots[slot + 3] >= 0) best = { id: slots[slot + 3], end: i };
    }
    return best;
  }
}

function matcher(tokens: readonly AddedToken[]): AddedMatcher | null {
  return tokens.length === 0 ? null : new AddedMatcher(tokens);
}

function normalized(normalizer: Normalizer | null, content: string): string {
  if (normalizer === null) return content;
  const input = new NormalizedText();
  const output = new NormalizedText();
  input.load(content);
  normalizer.normalize(input, output);
  return output.slice();
}

// Whether a letter, mark, digit or connector is next to `text[start, end)` within `text[begin, to)`.
function touchesWord(text: NormalizedText, begin: number, start: number, end: number, to: number): boolean {
  if (end < to && isWordCharacter(text.codePointAt(end, to))) return true;
  if (start === begin) return false;
  const isPair = start - 2 >= begin && text.codePointAt(start - 2, start) > 0xffff;
  return isWordCharacter(text.codePointAt(start - (isPair ? 2 : 1), start));
}

function isWordCharacter(point: number): boolean {
  return (characterClasses()[point] & WORD) !== 0;
}
