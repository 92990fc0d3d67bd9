// Pre-tokenizers that look at one character at a time: Whitespace, WhitespaceSplit, Punctuation, Digits,
// CharDelimiterSplit, and FixedLength, which looks at none.

import { bertCharacterTable, PUNCTUATION } from "../bert-characters.js";
import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import type { Spans } from "../token-list.js";
import { characterClasses, NUMBER, WHITE_SPACE, WORD } from "../unicode/classes.js";
import { BEHAVIORS, type Behavior, PieceBuilder } from "./delimiters.js";

/** Splits at the characters of a class. */
export class ClassSplit implements PreTokenizer {
  readonly #isDelimiter: (point: number) => boolean;
  readonly #builder: PieceBuilder;

  constructor(isDelimiter: (point: number) => boolean, behavior: Behavior) {
    this.#isDelimiter = isDelimiter;
    this.#builder = new PieceBuilder(behavior);
  }

  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => this.#split(text, from, to, spans));
  }

  #split(text: NormalizedText, from: number, to: number, spans: Spans): void {
    const builder = this.#builder;
    builder.begin(spans);
    let start = from;
    for (let at = from; at < to; ) {
      const point = text.codePointAt(at, to);
      const next = at + (point > 0xffff ? 2 : 1);
      if (this.#isDelimiter(point)) {
        if (at > start) builder.take(start, at, false);
        builder.take(at, next, true);
        start = next;
      }
      at = next;
    }
    if (to > start) builder.take(start, to, false);
    builder.finish();
  }
}

/** Words and runs of other characters, as `\w+|[^\w\s]+` finds them. */
export class WhitespacePreTokenizer implements PreTokenizer {
  readonly #classes = characterClasses();

  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => this.#split(text, from, to, spans));
  }

  #split(text: NormalizedText, from: number, to: number, spans: Spans): void {
    let start = from;
    let kind = WHITE_SPACE;
    for (let at = from; at < to; ) {
      const point = text.codePointAt(at, to);
      // 0: a character that is neither
      const found = this.#classes[point] & (WORD | WHITE_SPACE);
      if (found !== kind) {
        if (kind !== WHITE_SPACE) spans.push(start, at);
        start = at;
        kind = found;
      }
      at += point > 0xffff ? 2 : 1;
    }
    if (kind !== WHITE_SPACE) spans.push(start, to);
  }
}

/** Pieces of so many characters. */
export class FixedLength implements PreTokenizer {
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => {
      let start = from;
      let count = 0;
      for (let at = from; at < to; ) {
        at += text.codePointAt(at, to) > 0xffff ? 2 : 1;
        if (++count % this.#length !== 0 && at < to) continue;
        spans.push(start, at);
        start = at;
      }
    });
  }
}

/** Whitespace of tokenizer.json. */
export const readWhitespace = (): PreTokenizer => new WhitespacePreTokenizer();

/** WhitespaceSplit of tokenizer.json. */
export function readWhitespaceSplit(): PreTokenizer {
  const classes = characterClasses();
  return new ClassSplit((point) => (classes[point] & WHITE_SPACE) !== 0, "Removed");
}

/** Punctuation of tokenizer.json: what is punctuation is so for BERT too. */
export function readPunctuation(fields: Fields): PreTokenizer {
  const classes = bertCharacterTable();
  const isPunctuation = (point: number) => (classes[point] & PUNCTUATION) !== 0;
  return new ClassSplit(isPunctuation, fields.choice("behavior", BEHAVIORS, "Isolated"));
}

/** Digits of tokenizer.json: numbers of all kinds, as Unicode 17 has them. */
export function readDigits(fields: Fields): PreTokenizer {
  const classes = characterClasses();
  const isNumber = (point: number) =>
    (classes[point] & NUMBER) !== 0 ||
    (point >= 0x11de0 && point <= 0x11de9) ||
    (point >= 0x16ff4 && point <= 0x16ff6);
  return new ClassSplit(isNumber, fields.boolean("individual_digits", false) ? "Isolated" : "Contiguous");
}

/** CharDelimiterSplit of tokenizer.json. */
export function readCharDelimiterSplit(fields: Fields): PreTokenizer {
  const delimiter = fields.character("delimiter").codePointAt(0)!;
  return new ClassSplit((point) => point === delimiter, "Removed");
}

/** FixedLength of tokenizer.json. */
export function readFixedLength(fields: Fields): PreTokenizer {
  const length = fields.count("length", 5);
  if (length === 0) throw fields.wrong("length", "an integer from 1");
  return new FixedLength(length);
}
