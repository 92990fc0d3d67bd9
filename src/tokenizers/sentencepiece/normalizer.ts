// Normalization as the SentencePiece library does it (normalizer.cc): the longest text of the character map
// that begins at a place is replaced; blanks in a row become one, those at the ends go; each blank is written
// as U+2581, and one stands before the text. A blank's mark has the span of the character after it, as has
// the one in front: a token is then the word itself and not the blank before it.

import type { NormalizedText } from "../normalized-text.js";
import { Charsmap, codePoint } from "./charsmap.js";
import type { SentencePieceFile } from "./model-file.js";

/** The mark of a blank. */
export const BLANK = 0x2581;

/** What the normalizer reads of a model's file. */
export type NormalizerSettings = Pick<
  SentencePieceFile,
  "charsmap" | "addDummyPrefix" | "removeExtraWhitespaces" | "escapeWhitespaces" | "treatWhitespaceAsSuffix"
>;

/** Finds user-defined symbols, which stay as they are: the end of the one at a place, or the place itself. */
export type SymbolMatcher = (units: Uint16Array, at: number, to: number) => number;

/** The normalizer that a SentencePiece model brings along. */
export class SentencePieceNormalizer {
  readonly #settings: NormalizerSettings;
  readonly #charsmap: Charsmap | null;
  readonly #symbolEnd: SymbolMatcher;
  readonly #blank: number;

  constructor(settings: NormalizerSettings, symbolEnd: SymbolMatcher) {
    this.#settings = settings;
    this.#charsmap = settings.charsmap.length === 0 ? null : Charsmap.parse(settings.charsmap);
    this.#symbolEnd = symbolEnd;
    this.#blank = settings.escapeWhitespaces ? BLANK : 0x20;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    this.normalizeFrom(input, 0, output);
  }

  /** As `normalize`, for the text from a place on; appends. */
  normalizeFrom(input: NormalizedText, from: number, output: NormalizedText): void {
    const { addDummyPrefix, removeExtraWhitespaces, treatWhitespaceAsSuffix } = this.#settings;
    const begin = output.length;
    let at = from;
    if (removeExtraWhitespaces) at = this.#afterBlanks(input, from);
    if (at === input.length) return;
    if (addDummyPrefix && !treatWhitespaceAsSuffix)
      this.#push(output, this.#blank, input.starts[at], input.ends[at]);
    let afterBlank = removeExtraWhitespaces;
    while (at < input.length) {
      const found = this.#prefix(input.units, at, input.length);
      const start = input.starts[at];
      const end = input.ends[found.end - 1];
      let text = found.text;
      if (afterBlank) while (text.startsWith(" ")) text = text.slice(1);
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        this.#push(output, unit === 0x20 ? this.#blank : unit, start, end);
      }
      if (text !== "") afterBlank = removeExtraWhitespaces && text.endsWith(" ");
      at = found.end;
    }
    if (removeExtraWhitespaces) {
      while (output.length > begin && output.units[output.length - 1] === this.#blank) output.length--;
    }
    this.#alignBlanks(output, begin);
    if (addDummyPrefix && treatWhitespaceAsSuffix && output.length > begin) {
      const last = output.length - 1;
      this.#push(output, this.#blank, output.starts[last], output.ends[last]);
    }
  }

  #afterBlanks(input: NormalizedText, from: number): number {
    let at = from;
    while (at < input.length) {
      const found = this.#prefix(input.units, at, input.length);
      if (found.text !== " ") break;
      at = found.end;
    }
    return at;
  }

  // What the text at a place becomes, and where that text ends.
  #prefix(units: Uint16Array, at: number, to: number): { text: string; end: number } {
    const symbol = this.#symbolEnd(units, at, to);
    if (symbol > at) return { text: String.fromCharCode(...units.subarray(at, symbol)), end: symbol };
    const replaced = this.#charsmap?.longest(units, at, to) ?? null;
    if (replaced !== null) return { text: replaced, end: this.#charsmap!.end };
    const point = codePoint(units, at, to);
    const isHalf = point >= 0xd800 && point < 0xe000;
    return { text: isHalf ? "\ufffd" : String.fromCodePoint(point), end: at + (point > 0xffff ? 2 : 1) };
  }

  #push(output: NormalizedText, unit: number, start: number, end: number): void {
    output.reserve(1);
    const at = output.length++;
    output.units[at] = unit;
    output.starts[at] = start;
    output.ends[at] = end;
  }

  #alignBlanks(output: NormalizedText, begin: number): void {
    for (let i = output.length - 2; i >= begin; i--) {
      if (output.units[i] !== this.#blank) continue;
      output.starts[i] = output.starts[i + 1];
      output.ends[i] = output.ends[i + 1];
    }
  }
}
