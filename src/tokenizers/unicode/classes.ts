// The classes of every code point, as an OR of flags, and combining classes. Made on first use: milliseconds.

import {
  COMBINING_CLASS_RANGES,
  COMBINING_RANGES,
  LETTER_RANGES,
  MARK_RANGES,
  NUMBER_RANGES,
  PUNCTUATION_RANGES,
  SYMBOL_RANGES,
  WORD_RANGES,
} from "./ranges.js";

export const LETTER = 1;
export const NUMBER = 2;
export const MARK = 4;
export const PUNCTUATION = 8;
export const SYMBOL = 16;
/** White_Space of Unicode. */
export const WHITE_SPACE = 32;
/** Letters, marks, decimal digits, connectors and joiners: `\w`. */
export const WORD = 64;
/** Combining marks as the normalizers know them: older than MARK. */
export const COMBINING = 128;

const RANGES: readonly [number, string][] = [
  [LETTER, LETTER_RANGES],
  [NUMBER, NUMBER_RANGES],
  [MARK, MARK_RANGES],
  [PUNCTUATION, PUNCTUATION_RANGES],
  [SYMBOL, SYMBOL_RANGES],
  [WORD, WORD_RANGES],
  [COMBINING, COMBINING_RANGES],
];

// The same since Unicode 6.3
const WHITE_SPACE_RANGES: readonly [number, number][] = [
  [0x9, 0xd],
  [0x20, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

let classes: Uint8Array | null = null;
let combining: Map<number, number> | null = null;

/** 1 for each code unit that is white space: all of it is in the basic plane. */
export function whiteSpaceUnits(): Uint8Array {
  const units = new Uint8Array(0x10000);
  for (const [first, last] of WHITE_SPACE_RANGES) units.fill(1, first, last + 1);
  return units;
}

/** The classes of every code point. */
export function characterClasses(): Uint8Array {
  if (classes === null) {
    classes = new Uint8Array(0x110000);
    for (const [flag, ranges] of RANGES) {
      for (const [first, last] of rangesOf(ranges, 2)) add(classes, flag, first, last);
    }
    for (const [first, last] of WHITE_SPACE_RANGES) add(classes, WHITE_SPACE, first, last);
  }
  return classes;
}

/** The canonical combining class of a code point. */
export function combiningClass(point: number): number {
  if (combining === null) {
    combining = new Map();
    for (const [first, last, value] of rangesOf(COMBINING_CLASS_RANGES, 3)) {
      for (let each = first; each <= last; each++) combining.set(each, value);
    }
  }
  return combining.get(point) ?? 0;
}

/** White space; all of it lies below U+10000. */
export function isWhiteSpace(point: number): boolean {
  return point < 0x80
    ? point === 0x20 || (point >= 9 && point <= 13)
    : (characterClasses()[point] & WHITE_SPACE) !== 0;
}

// Gap before a range, its length less one, and where `width` is 3 a value, in base 36.
function* rangesOf(text: string, width: number): Generator<[number, number, number]> {
  const numbers = text.split(" ").map((word) => Number.parseInt(word, 36));
  let at = 0;
  for (let i = 0; i < numbers.length; i += width) {
    const first = at + numbers[i];
    const last = first + numbers[i + 1];
    yield [first, last, width === 3 ? numbers[i + 2] : 0];
    at = last + 1;
  }
}

function add(target: Uint8Array, flag: number, first: number, last: number): void {
  for (let point = first; point <= last; point++) target[point] |= flag;
}
