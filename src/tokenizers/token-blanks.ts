// How many blanks the tokens of a byte-level vocabulary begin and end with.

import type { TokenLookup } from "./encoding.js";
import { isWhiteSpace } from "./unicode/classes.js";

const UNKNOWN = 255;
// What byte-level tokens write for a blank
const BYTE_LEVEL_BLANK = 0x120;

/** Counts blanks at both ends of tokens, each token once. */
export class TokenBlanks {
  readonly #lookup: TokenLookup;
  // Per id the blanks before and after; UNKNOWN until asked for, and where a token has that many
  readonly #counts: Uint8Array;

  constructor(size: number, lookup: TokenLookup) {
    this.#lookup = lookup;
    this.#counts = new Uint8Array(2 * size).fill(UNKNOWN);
  }

  /** Blanks at the start of a token. */
  before(id: number): number {
    const count = this.#counts[2 * id];
    return count === UNKNOWN ? this.#count(id)[0] : count;
  }

  /** Blanks at the end of a token. */
  after(id: number): number {
    const count = this.#counts[2 * id + 1];
    return count === UNKNOWN ? this.#count(id)[1] : count;
  }

  #count(id: number): [number, number] {
    const token = this.#lookup(id) ?? "";
    let before = 0;
    let after = 0;
    while (before < token.length && isBlank(token.charCodeAt(before))) before++;
    while (after < token.length && isBlank(token.charCodeAt(token.length - 1 - after))) after++;
    this.#counts[2 * id] = Math.min(before, UNKNOWN);
    this.#counts[2 * id + 1] = Math.min(after, UNKNOWN);
    return [before, after];
  }
}

function isBlank(unit: number): boolean {
  return unit === BYTE_LEVEL_BLANK || isWhiteSpace(unit);
}
