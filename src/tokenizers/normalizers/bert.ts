// BERT's normalizer: clean text, put blanks around Chinese characters, strip accents, lower-case; in that
// order, character by character (no final sigma), as the tokenizers library does it. Offsets stay exact: what
// a character turns into stands for that character, what is removed stands in no span.

import { bertCharacterTable, CHINESE, CONTROL, decompose, MARK, WHITESPACE } from "../bert-characters.js";
import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";

/** What the normalizer does; each step can be left out. */
export interface BertNormalizerOptions {
  /** Remove control characters, turn white space into blanks. Default true. */
  cleanText?: boolean;
  /** Make every Chinese character a word. Default true. */
  tokenizeChineseChars?: boolean;
  /** Default: as `lowercase`. */
  stripAccents?: boolean | null;
  /** Default true. */
  lowercase?: boolean;
}

// What happens to a code unit; found out when it first appears.
const UNKNOWN = 0;
const DROP = 1;
const SPREAD = 2; // several units: in #spread
const RUN = 3; // a mark that stays although accents are stripped: see #marks
const PAIR = 4; // first half of a surrogate pair: look at the whole character
const MARKED = 5; // a mark that is stripped, but moves its neighbours before it goes

// Enough for every character in use; hostile text cannot make it grow without end.
const SPREAD_LIMIT = 1 << 17;

/** BERT's normalizer. Unset options have BERT's defaults. */
export class BertNormalizer implements Normalizer {
  readonly #clean: boolean;
  readonly #chinese: boolean;
  readonly #strip: boolean;
  readonly #lower: boolean;
  readonly #classes = bertCharacterTable();
  // For nearly all code units the answer is one code unit; 0 means: look at #kind. 0 itself goes the slow
  // way.
  readonly #single = new Uint16Array(0x10000);
  readonly #kind = new Uint8Array(0x10000);
  readonly #spread = new Map<number, string>();

  constructor(options: BertNormalizerOptions = {}) {
    this.#clean = options.cleanText ?? true;
    this.#chinese = options.tokenizeChineseChars ?? true;
    this.#lower = options.lowercase ?? true;
    this.#strip = options.stripAccents ?? this.#lower;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    const single = this.#single;
    const from = input.units;
    const to = input.length;
    let at = 0;
    while (at < to) {
      output.reserve(to - at);
      const { units, starts, ends } = output;
      let length = output.length;
      for (; at < to; at++) {
        const mapped = single[from[at]];
        if (mapped === 0) break;
        units[length] = mapped;
        starts[length] = input.starts[at];
        ends[length] = input.ends[at];
        length++;
      }
      output.length = length;
      if (at < to) at = this.#slow(input, at, output);
    }
  }

  // Handles the character at `at`, which is not (yet known to be) one unit, and returns where the next one
  // is.
  #slow(input: NormalizedText, at: number, output: NormalizedText): number {
    const unit = input.units[at];
    let kind = this.#kind[unit];
    if (kind === UNKNOWN) {
      this.#learn(unit);
      if (this.#single[unit] !== 0) return at;
      kind = this.#kind[unit];
    }
    if (kind === DROP) return at + 1;
    if (kind === RUN) return this.#marks(input, at, output);
    if (kind === MARKED) return this.#strippedMarks(input, at, output);
    if (kind === PAIR) {
      const point = input.codePointAt(at);
      if (point > 0xffff) return this.#pair(input, at, point, output);
    }
    output.push(this.#spreadOf(unit), input.starts[at], input.ends[at]);
    return at + 1;
  }

  #pair(input: NormalizedText, at: number, point: number, output: NormalizedText): number {
    if (!this.#spread.has(point) && this.#isMoved(point)) return this.#marks(input, at, output);
    output.push(this.#spreadOf(point), input.starts[at], input.ends[at + 1]);
    return at + 2;
  }

  // What one character becomes, remembered.
  #spreadOf(point: number): string {
    let result = this.#spread.get(point);
    if (result === undefined) {
      result = this.#change(point);
      if (this.#spread.size < SPREAD_LIMIT) this.#spread.set(point, result);
    }
    return result;
  }

  #learn(unit: number): void {
    if (unit >= 0xd800 && unit < 0xdc00) {
      this.#kind[unit] = PAIR;
    } else if (this.#isMoved(unit)) {
      this.#kind[unit] = this.#classes[unit] & MARK ? MARKED : RUN;
    } else {
      const result = this.#change(unit);
      if (result.length === 1) this.#single[unit] = result.charCodeAt(0);
      // U+0000 stays itself when cleaning is off, and 0 in #single means "look here".
      this.#kind[unit] = result === "" ? DROP : SPREAD;
      if (result !== "") this.#spread.set(unit, result);
    }
  }

  // All steps for one character on its own.
  #change(point: number): string {
    const flags = this.#classes[point];
    let result = String.fromCodePoint(point);
    if (this.#clean) {
      if (flags & CONTROL) return "";
      if (flags & WHITESPACE) result = " ";
    }
    if (this.#strip) result = this.#stripped(decompose(result));
    if (this.#lower) result = lowercase(result);
    // A Chinese character stays one, also where it decomposes into another.
    return this.#chinese && flags & CHINESE ? ` ${result} ` : result;
  }

  #stripped(text: string): string {
    let result = "";
    for (const character of text) {
      if (!(this.#classes[character.codePointAt(0)!] & MARK)) result += character;
    }
    return result;
  }

  // Whether decomposition sorts the character among its neighbours, and stripping has to know.
  #isMoved(point: number): boolean {
    return this.#strip && (this.#classes[point] & CONTROL) === 0 && isReordered(String.fromCodePoint(point));
  }

  // Stripped marks just go, unless one that stays follows them; what cleaning removes is not there any more.
  #strippedMarks(input: NormalizedText, from: number, output: NormalizedText): number {
    let at = from;
    while (at < input.length) {
      const unit = input.units[at];
      if (this.#kind[unit] === UNKNOWN) this.#learn(unit);
      const kind = this.#kind[unit];
      const point = input.codePointAt(at);
      if (kind === RUN || (kind === PAIR && this.#isMoved(point))) return this.#marks(input, from, output);
      if (kind !== MARKED && !this.#isCleaned(point)) return at;
      at += point > 0xffff ? 2 : 1;
    }
    return at;
  }

  // A run of combining characters is sorted by decomposition, and its members take the places of the run in
  // that order, before some of them are stripped. Hardly any text has this.
  #marks(input: NormalizedText, from: number, output: NormalizedText): number {
    const places: [number, number][] = [];
    let run = "";
    let at = from;
    while (at < input.length) {
      const point = input.codePointAt(at);
      const next = at + (point > 0xffff ? 2 : 1);
      if (this.#isMoved(point)) {
        run += String.fromCodePoint(point);
        places.push([input.starts[at], input.ends[next - 1]]);
      } else if (!this.#isCleaned(point)) {
        break;
      }
      at = next;
    }
    let index = 0;
    for (const character of decompose(run)) {
      const [start, end] = places[Math.min(index++, places.length - 1)];
      output.push(this.#change(character.codePointAt(0)!), start, end);
    }
    return at;
  }

  #isCleaned(point: number): boolean {
    return this.#clean && (this.#classes[point] & CONTROL) !== 0;
  }
}

/** BertNormalizer of tokenizer.json. */
export function readBertNormalizer(fields: Fields): BertNormalizer {
  return new BertNormalizer({
    cleanText: fields.boolean("clean_text", true),
    tokenizeChineseChars: fields.boolean("handle_chinese_chars", true),
    stripAccents: fields.has("strip_accents") ? fields.boolean("strip_accents") : null,
    lowercase: fields.boolean("lowercase", true),
  });
}

function lowercase(text: string): string {
  let result = "";
  for (const character of text) result += character.toLowerCase();
  return result;
}

// Whether decomposition may move the character: its combining class is not 0. U+0334 has the lowest class in
// use, U+0345 the highest, so that one of the two changes places with it.
function isReordered(character: string): boolean {
  if (!/\p{M}/u.test(character)) return false;
  return (
    `${character}\u0334`.normalize("NFD") === `\u0334${character.normalize("NFD")}` ||
    `\u0345${character}`.normalize("NFD") === `${character.normalize("NFD")}\u0345`
  );
}
