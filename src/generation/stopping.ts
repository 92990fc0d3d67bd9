// When a sequence ends: an end token, its length, or a text that it now contains.
import type { TokenDecoder } from "./options.js";
import type { Settings } from "./settings.js";

export class Stopping {
  readonly #ends: Set<number>;
  readonly #texts: string[];
  readonly #decoder: TokenDecoder | undefined;
  /** Tokens that may hold the longest stop text, however short each one's text is. */
  readonly #window: number;

  constructor({ eosTokenIds, stopTexts, tokenizer }: Settings) {
    this.#ends = new Set(eosTokenIds);
    this.#texts = stopTexts;
    this.#decoder = tokenizer;
    this.#window = 8 + Math.max(0, ...stopTexts.map((text) => Buffer.byteLength(text)));
  }

  /** @param tokens of a sequence whose first `promptLength` were given and with which it did not end before */
  ended(tokens: Int32Array, promptLength: number, maxLength: number): boolean {
    if (this.#ends.has(tokens[tokens.length - 1]) || tokens.length >= maxLength) return true;
    if (this.#texts.length === 0) return false;
    const tail = tokens.subarray(Math.max(promptLength, tokens.length - this.#window));
    const text = (this.#decoder as TokenDecoder).decode(tail, { skipSpecialTokens: false });
    return this.#texts.some((stop) => text.includes(stop));
  }
}
