// Decoding token by token. What a decoder makes of a token may depend on its neighbours (blanks, the bytes of
// one character), so the latest tokens are decoded anew with each token, from a place where the text before
// is settled.

import { withoutBlanks } from "./clean-up.js";

/** Options of a streaming decoder; those of `decode`. */
export interface StreamDecoderOptions {
  skipSpecialTokens?: boolean;
  cleanUpTokenizationSpaces?: boolean;
}

// Tokens kept before those still open: decoders look back one token, and a character has four bytes.
const CONTEXT = 8;
// Where no place to cut is found, as within hundreds of bytes that are no text, one is taken.
const MOST_TOKENS = 512;
// After so many tokens without a whole character what there is comes out as it is.
const MOST_PENDING = 64;
const REPLACEMENT = "\ufffd";

/** Turns tokens into text as they come. */
export class StreamDecoder {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #cleanUp: boolean;
  #ids: number[] = [];
  // Length of the text of #ids that is settled
  #settled = 0;
  #pending = 0;
  // Settled text that further text may still change the cleaning of
  #uncleaned = "";

  /** @param decode makes text of tokens, without cleaning up. */
  constructor(decode: (ids: readonly number[]) => string, cleanUp: boolean) {
    this.#decode = decode;
    this.#cleanUp = cleanUp;
  }

  /**
   * Takes a token and returns the text that is certain now, which may be none.
   *
   * @throws AthanorError ERR_ARGUMENT: an id outside the vocabulary; the stream can go on without it.
   */
  push(id: number): string {
    const ids = [...this.#ids, id];
    const text = this.#decode(ids);
    this.#ids = ids;
    this.#pending++;
    // Bytes of a character that is not complete decode to replacement characters at the end
    if (text.endsWith(REPLACEMENT) && this.#pending < MOST_PENDING) return "";
    const fresh = text.slice(this.#settled);
    this.#settled = text.length;
    this.#pending = 0;
    if (ids.length >= 2 * CONTEXT) this.#forget(text);
    return this.#cleanUp ? this.#cleaned(fresh) : fresh;
  }

  /** The rest: what would have needed further tokens. The decoder can be used for another text then. */
  end(): string {
    const rest = this.#uncleaned + this.#decode(this.#ids).slice(this.#settled);
    this.#ids = [];
    this.#settled = 0;
    this.#pending = 0;
    this.#uncleaned = "";
    return this.#cleanUp ? withoutBlanks(rest, false) : rest;
  }

  // Drops the oldest tokens, if the text of the others is the same without them (but for a blank at its start).
  #forget(text: string): void {
    const kept = this.#ids.slice(-CONTEXT);
    const short = this.#decode(kept);
    // Tokens that are all left out would make the next one the first of a text
    const isSame = short.trim() !== "" && text.endsWith(short.trimStart()) && !short.startsWith(REPLACEMENT);
    if (!isSame && this.#ids.length < MOST_TOKENS) return;
    this.#ids = kept;
    this.#settled = short.length;
  }

  // Cleaning up looks at blanks with something else than letters and digits beside them: a blank between two of
  // those is where the text before is done.
  #cleaned(fresh: string): string {
    const text = this.#uncleaned + fresh;
    let at = text.length - 1;
    while (at > 0 && !isBetweenWords(text, at)) at--;
    this.#uncleaned = text.slice(Math.max(at, 0));
    return withoutBlanks(text.slice(0, Math.max(at, 0)), false);
  }
}

function isBetweenWords(text: string, at: number): boolean {
  return text[at] === " " && isLetter(text[at - 1]) && isLetter(text[at + 1]);
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}
