// Tokens that are found in the text as they stand, before any other stage sees it: the special tokens, and
// those added to a trained vocabulary. The leftmost match counts, and of several at one place the longest.

import { AthanorError } from "../errors.js";

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

/** A token found in `text[start, end)`. */
export interface AddedMatch {
  id: number;
  start: number;
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

/** A set of added tokens. */
export class AddedTokens {
  readonly all: readonly AddedToken[];
  /** Those to be looked for in the original text. */
  readonly original: AddedMatcher | null;
  /** Those to be looked for in the normalized text. */
  readonly normalized: AddedMatcher | null;
  readonly #ids = new Map<string, number>();
  readonly #byId = new Map<number, AddedToken>();

  /** @param normalize what the normalizer makes of a token; for tokens compared with normalized text. */
  constructor(tokens: readonly AddedToken[], normalize: (text: string) => string) {
    this.all = tokens;
    for (const token of tokens) {
      if (token.content === "")
        throw new AthanorError("ERR_TOKENIZER", 'added token: must not be empty, got ""');
      this.#ids.set(token.content, token.id);
      this.#byId.set(token.id, token);
    }
    this.original = matcher(tokens.filter((token) => !token.normalized));
    this.normalized = matcher(
      tokens
        .filter((token) => token.normalized)
        .map((token) => ({ ...token, content: normalize(token.content) }))
        .filter((token) => token.content !== ""),
    );
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content);
  }

  contentOf(id: number): string | undefined {
    return this.#byId.get(id)?.content;
  }

  isSpecial(id: number): boolean {
    return this.#byId.get(id)?.special ?? false;
  }
}

/** Finds tokens in a text. */
export class AddedMatcher {
  readonly #pattern: RegExp;
  readonly #tokens: ReadonlyMap<string, AddedToken>;

  constructor(tokens: readonly AddedToken[]) {
    this.#tokens = new Map(tokens.map((token) => [token.content, token]));
    const longestFirst = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp(longestFirst.map((content) => escaped(content)).join("|"), "g");
  }

  /** The first token at or after `from`, or null. */
  find(text: string, from: number): AddedMatch | null {
    this.#pattern.lastIndex = from;
    for (;;) {
      const found = this.#pattern.exec(text);
      if (found === null) return null;
      const token = this.#tokens.get(found[0])!;
      let start = found.index;
      let end = this.#pattern.lastIndex;
      if (token.singleWord && (isWord(text, start - 1) || isWord(text, end))) continue;
      if (token.lstrip) while (start > from && /\s/u.test(text[start - 1])) start--;
      if (token.rstrip) while (end < text.length && /\s/u.test(text[end])) end++;
      return { id: token.id, start, end };
    }
  }
}

function matcher(tokens: readonly AddedToken[]): AddedMatcher | null {
  return tokens.length === 0 ? null : new AddedMatcher(tokens);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

// Whether the character at (or ending at) a position is a letter, mark, digit or connector.
function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && /[\p{L}\p{M}\p{Nd}\p{Pc}]/u.test(characterAt(text, at));
}

function characterAt(text: string, at: number): string {
  const unit = text.charCodeAt(at);
  if (unit >= 0xdc00 && unit < 0xe000 && at > 0) return text.slice(at - 1, at + 1);
  return String.fromCodePoint(text.codePointAt(at)!);
}
