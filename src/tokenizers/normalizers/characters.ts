// Normalizers that change each character on its own: what it becomes is found out once and remembered.

import type { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";
import { COMBINING, characterClasses } from "../unicode/classes.js";

// Enough for every character in use; hostile text cannot make it grow without end.
const MOST_REMEMBERED = 1 << 17;

/** Replaces each character by a text, which stands for that character. */
export class CharacterNormalizer implements Normalizer {
  readonly #change: (character: string) => string;
  // For nearly all code units the answer is one code unit; 0: not known, or none. 0 itself goes the slow way.
  readonly #single = new Uint16Array(0x10000);
  readonly #others = new Map<number, string>();

  constructor(change: (character: string) => string) {
    this.#change = change;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    const { length } = input;
    for (let at = 0; at < length; ) {
      output.reserve(length - at);
      const { units, starts, ends } = output;
      let count = output.length;
      for (; at < length; at++) {
        const unit = this.#single[input.units[at]];
        if (unit === 0) break;
        units[count] = unit;
        starts[count] = input.starts[at];
        ends[count] = input.ends[at];
        count++;
      }
      output.length = count;
      if (at < length) at = this.#slow(input, at, output);
    }
  }

  #slow(input: NormalizedText, at: number, output: NormalizedText): number {
    const point = input.codePointAt(at);
    const next = at + (point > 0xffff ? 2 : 1);
    let result = this.#others.get(point);
    if (result === undefined) {
      result = this.#change(String.fromCodePoint(point));
      // The first half of a pair is asked for anew each time: it may be one of two
      if (result.length === 1 && point < 0xd800) this.#single[point] = result.charCodeAt(0);
      else if (this.#others.size < MOST_REMEMBERED) this.#others.set(point, result);
    }
    output.push(result, input.starts[at], input.ends[next - 1]);
    return next;
  }
}

/** Lowercase of tokenizer.json: character by character, so that a final sigma is like any other. */
export function readLowercase(): Normalizer {
  return new CharacterNormalizer((character) => character.toLowerCase());
}

/** StripAccents of tokenizer.json: removes combining marks; composed characters keep theirs. */
export function readStripAccents(): Normalizer {
  const classes = characterClasses();
  return new CharacterNormalizer((character) =>
    classes[character.codePointAt(0)!] & COMBINING ? "" : character,
  );
}

// Control characters, but for those that separate
function isNmtControl(point: number): boolean {
  if (point < 0x20) return point !== 0 && ![0x9, 0xa, 0xc, 0xd].includes(point);
  return [0x7f, 0x8f, 0x9f].includes(point);
}

const NMT_BLANKS = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/;

/** Nmt of tokenizer.json: removes control characters, turns separators into blanks, as SentencePiece does. */
export function readNmt(): Normalizer {
  return new CharacterNormalizer((character) => {
    if (isNmtControl(character.codePointAt(0)!)) return "";
    return NMT_BLANKS.test(character) ? " " : character;
  });
}
