// Extended grapheme clusters: what a reader takes for one character, such as a letter with its accents. A
// SentencePiece character map is applied cluster by cluster in the tokenizers library, so the borders decide
// what a text becomes. Source: Unicode Standard Annex 29, section 3.1.1; tables as tokenizers 0.23.2 has
// them, written out because those of the running Node change with its version. Each list holds, in base 36,
// the gap before a range and its length less one; tests/fixtures/tokenizers/make_graphemes.py makes them.

import { codePoint } from "../sentencepiece/charsmap.js";

// Classes; 0 is every other character.
const CONTROL = 1;
const EXTEND = 2;
const LINKER = 3; // a virama: extends, and joins consonants
const ZWJ = 4;
const SPACING = 5;
const PREPEND = 6;
const REGIONAL = 7;
const PICTOGRAPH = 8;
const CONSONANT = 9;
const HANGUL_L = 10;
const HANGUL_V = 11;
const HANGUL_T = 12;
const HANGUL_LV = 13;
const HANGUL_LVT = 14;

const CONTROL_RANGES =
  "0 9 1 1 1 h 2n w d 0 12m 0 3jl 0 1ks 0 2 1 o 6 1d f 17yn 0 6o b ab8 f qxs 3 43z 7 h405 v 2o 3j 6o 2rz";
const EXTEND_RANGES =
  "lc 33 7n 6 7b 18 1 0 1 1 1 1 1 0 20 a 1c k g 0 2t 6 2 5 2 1 1 3 z 0 u q 2j a 1m 8 9 0 o 3 1 8 1 2 1 4 " +
  "17 2 1n 8 16 n 1 v 1j 0 1 0 4 7 4 0 3 6 a 1 t 0 1m 0 1 0 2 3 8 0 9 0 a 1 q 0 2 1 1l 0 4 1 4 1 2 2 3 0 u " +
  "1 3 0 b 1 1l 0 4 4 1 1 4 0 k 1 m 5 1 0 1m 0 1 1 1 3 8 0 7 2 a 1 u 0 1n 0 1 0 c 0 9 0 14 0 3 0 1j 0 1 2 " +
  "5 2 1 3 7 1 b 1 t 0 1m 0 2 1 1 0 3 2 1 3 7 1 b 1 s 1 1l 1 1 0 2 3 8 0 9 0 a 1 t 0 20 0 4 0 2 2 1 0 8 0 " +
  "29 0 2 6 c 7 2q 0 2 8 b 6 21 1 r 0 1 0 1 0 1j d 1 4 1 1 5 a 1 z 9 0 2u 3 1 5 1 1 2 1 p 1 4 2 g 3 d 0 2 " +
  "1 6 0 f 0 jj 2 qa 3 s 2 t 1 u 1 1s 1 1 6 8 0 2 a 9 0 19 2 1 0 39 1 y 0 3a 2 4 1 9 0 6 2 63 1 2 0 1m 0 1 " +
  "6 1 0 1 0 2 7 6 9 2 0 1c 19 2 b k 3 1c 9 4 2 12 8 c 1 w 3 2 5 1k 0 1 1 3 0 1 4 1k 7 2 1 48 2 1 c 1 6 4 " +
  "0 6 0 3 1 5i 1r ek 0 5f w 2da 2 3x 0 2o v fe 5 2x 1 n9w 3 1 9 w 1 28 1 7k 0 3 0 4 0 p 1 5 0 47 1 q h d " +
  "0 12 7 p a 1 0 18 2 1c 0 2 3 2 1 2 0 10 0 1v 5 2 1 2 1 c 0 8 0 1b 0 1f 0 1 2 2 1 5 1 1 0 16 1 8 0 6m 0 " +
  "2 0 4 0 fn4 0 kh f g f a6 1 gt 0 6a 0 45 4 1ae 2 1 1 5 3 14 2 4 0 4l 1 fx 3 1t 4 8t 1 25 5 1y a 1d 3 3f " +
  "0 1i e 15 0 2 1 a 2 1d 3 2 1 7 0 1p 2 10 4 1 7 1q 0 c 1 1g 8 1 0 8 3 2 0 2n 2 2 3 6 0 2 0 4d 0 3 7 l 1 " +
  "1l 1 1 0 1 0 c 0 9 0 e 6 3 4 1v 0 2 5 1 0 2 0 1 2 4 2 1 0 e 1 2d 7 2 2 1 0 n 0 29 0 2 5 1 0 2 0 1 1 1 1 " +
  "6j 0 2 3 6 1 1 1 r 1 2d 7 2 0 1 1 2y 0 1 0 2 7 2t 0 1 0 2 3 1 4 77 8 1 1 6t 0 a 3 4 0 40 3 2 1 4 0 w 9 " +
  "14 5 2 3 8 0 9 5 2 2 1a c 1 1 5i 0 1 2 1 0 5l 6 1 5 1 0 2a l 2 6 1 1 1 1 3e 5 3 0 1 1 1 6 1 0 20 1 3 0 " +
  "1 0 9n 1 b 1 1g 4 5 2 n 0 44l 0 6 e 8ug b 3 2 1xc 4 1n 6 t4 0 1r 3 29 0 b 1 f57 1 3mp 19 2 m f2 4 3 5 8 " +
  "7 2 6 u 3 44 2 1iz 1i 4 1d 8 0 e 0 m 4 1 e 11s 6 1 g 2 6 1 1 1 4 2s 0 4g 6 af 0 1p 3 e4 3 72 1 6r 0 2 0 " +
  "7 1 5 0 d6 6 31 6 240 4 gx7k 2n 3k 6n";
const SPACING_RANGES =
  "1s3 0 1j 0 2 2 8 3 1 1 1e 1 1n 1 6 1 2 1 1i 0 1m 2 1u 0 1m 2 8 0 1 1 1h 1 1o 0 6 1 2 1 36 0 1 1 3 2 1 2 " +
  "1g 2 1p 3 1p 1 1m 0 2 0 1 1 1a 0 e 1 1n 1 5 2 1 2 1h 1 24 1 6 6 j 1 1r 0 3j 0 3u 1 1r 0 4x 0 9 1 p 1 18 " +
  "0 1f5 0 7 7 1 1 9m 3 2 2 4 1 1 5 68 1 1m 0 1 0 l 5 41 0 1l 3 1s 0 u 0 4 1 1r 0 2 2 1 0 1h 7 8 1 4r 0 l " +
  "0 rhn 1 2 0 2g 1 1e f 3y 0 1c 0 1c 1 4 1 2 1 33 1 2 1 o 0 4d 0 2 1 5 0 6l 1 1 1 1 1 1 0 jrn 0 1 0 3j 0 " +
  "19 2 4 1 37 0 o 1 1n 0 1c 2 9 0 e 0 2l 2 3 1 4s 2 v 1 1n 0 1 3 2 1 2 1 l 1 2d 1 f 0 1 1 2v 2 8 1 3 0 2z " +
  "1 6 0 1 1 1 0 2 0 6m 1 6 3 2 0 35 2 8 1 1 0 31 0 1 1 32 0 7 0 79 2 9 0 6w 4 1 1 7 0 1 0 3y 2 8 3 4 0 2c " +
  "0 t 1 1q 0 5l 0 3 0 1 0 5j 0 e 0 2y 0 7 0 2 0 5x 4 4 1 1 0 9q 1 c 0 1c 1 8 1 d0q 2 2sk 1i";
const PREPEND_RANGES = "16o 5 5z 0 1d 0 ao 1 28 0 vf 0 1f8u 0 f 0 6s 1 el 0 12l 0 1 0 8y 5 jg 0 cb 0";
const PICTOGRAPH_RANGES =
  "4p 0 4 0 68d 0 c 0 60 0 m 0 2i 5 f 1 a7 1 c 0 4m 0 p a 4 2 5j 0 6f 1 a 0 9 0 1m 3 1 4 9 0 2 0 2 1 2 0 4 " +
  "0 2 0 1 1 2 0 3 0 3 1 8 2 5 0 1 0 5 b b 1 2 0 1 1 1 0 i 0 2 1 i 5 1 0 1 1 3 1 5 0 2 1 4 1 b 1 5 1 2 0 5 " +
  "1 1 0 1 1 k 1 5 5 1 3 2 0 4 0 2 0 2 5 1 0 2 0 1 0 1 0 6 0 3 0 6 0 a 1 f 0 2 0 4 0 1 0 4 2 1 0 b 1 1c 2 " +
  "9 0 e 0 e 0 ac 1 cv 2 j 1 1f 0 4 0 yi 0 c 0 gp 0 1 0 2fze 0 13 3 2s b f 1 f 0 e 1 11 9 34 1 c 1 e 0 2 9 " +
  "k 1i r e a 0 k 0 2 8 1 3 9 m 6 57 2 33 2 1 1 2 2 2a 2 2 1 3 5 71 1 1q b 5 1 n 7 1 2 7 c 0 2 3 2 0 4 1 d " +
  "1 2 0 8 1 9 0 5 2 c 2 8 2 2 0 1 0 4 0 6 0 3 0 6 2d 1c 1x 5 7 2 g 3 0 1 5 2 c 64 k r 3 1k 7 a 5 14 7 u 1 " +
  "c 3 2 d 9 12 c 1a 1 9 1 54 2g 7 e 41 74 sd";

// Viramas and consonants of the scripts in which they form conjuncts (rule 9c); first and last of each range.
const LINKERS = [0x94d, 0x9cd, 0xacd, 0xb4d, 0xc4d, 0xd4d];
const CONSONANTS = [
  [0x915, 0x939],
  [0x958, 0x95f],
  [0x978, 0x97f],
  [0x995, 0x9a8],
  [0x9aa, 0x9b0],
  [0x9b2, 0x9b2],
  [0x9b6, 0x9b9],
  [0x9dc, 0x9dd],
  [0x9df, 0x9df],
  [0x9f0, 0x9f1],
  [0xa95, 0xaa8],
  [0xaaa, 0xab0],
  [0xab2, 0xab3],
  [0xab5, 0xab9],
  [0xaf9, 0xaf9],
  [0xb15, 0xb28],
  [0xb2a, 0xb30],
  [0xb32, 0xb33],
  [0xb35, 0xb39],
  [0xb5c, 0xb5d],
  [0xb5f, 0xb5f],
  [0xb71, 0xb71],
  [0xc15, 0xc28],
  [0xc2a, 0xc39],
  [0xc58, 0xc5a],
  [0xd15, 0xd3a],
];

let table: Uint8Array | null = null;

function classes(): Uint8Array {
  if (table !== null) return table;
  table = new Uint8Array(0x110000);
  addRanges(table, CONTROL, CONTROL_RANGES);
  addRanges(table, EXTEND, EXTEND_RANGES);
  addRanges(table, SPACING, SPACING_RANGES);
  addRanges(table, PREPEND, PREPEND_RANGES);
  addRanges(table, PICTOGRAPH, PICTOGRAPH_RANGES);
  for (const point of LINKERS) table[point] = LINKER;
  for (const [first, last] of CONSONANTS) table.fill(CONSONANT, first, last + 1);
  table[0x0a] = CONTROL;
  table[0x200d] = ZWJ;
  table.fill(REGIONAL, 0x1f1e6, 0x1f200);
  table.fill(HANGUL_L, 0x1100, 0x1160).fill(HANGUL_L, 0xa960, 0xa97d);
  table.fill(HANGUL_V, 0x1160, 0x11a8).fill(HANGUL_V, 0xd7b0, 0xd7c7);
  table.fill(HANGUL_T, 0x11a8, 0x1200).fill(HANGUL_T, 0xd7cb, 0xd7fc);
  for (let point = 0xac00; point < 0xd7a4; point++) {
    table[point] = (point - 0xac00) % 28 === 0 ? HANGUL_LV : HANGUL_LVT;
  }
  return table;
}

function addRanges(target: Uint8Array, value: number, ranges: string): void {
  const numbers = ranges.split(" ").map((word) => Number.parseInt(word, 36));
  let at = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const first = at + numbers[i];
    at = first + numbers[i + 1] + 1;
    target.fill(value, first, at);
  }
}

/** The end of the cluster that begins at `units[at]`. */
export function clusterEnd(units: Uint16Array, at: number, to: number): number {
  const kinds = classes();
  let point = codePoint(units, at, to);
  let end = at + (point > 0xffff ? 2 : 1);
  if (point === 0x0d) return end < to && units[end] === 0x0a ? end + 1 : end;
  let left = kinds[point];
  if (left === CONTROL) return end;
  // What rules 9c, 11 and 12 need to know of what is before the border
  let conjunct = left === CONSONANT ? 1 : 0; // 2: a virama has followed the consonant
  let pictograph = left === PICTOGRAPH;
  let regionals = left === REGIONAL ? 1 : 0;
  while (end < to) {
    point = codePoint(units, end, to);
    const right = kinds[point];
    const joins =
      isMark(right) ||
      (left === PREPEND && right !== CONTROL) ||
      joinsHangul(left, right) ||
      (conjunct === 2 && right === CONSONANT) ||
      (left === ZWJ && pictograph && right === PICTOGRAPH) ||
      (left === REGIONAL && right === REGIONAL && regionals % 2 === 1);
    if (!joins) return end;
    if (right === CONSONANT) conjunct = 1;
    else if (right === LINKER) conjunct = conjunct > 0 ? 2 : 0;
    else if (right !== EXTEND && right !== ZWJ) conjunct = 0;
    if (right === PICTOGRAPH) pictograph = true;
    else if (right !== EXTEND && right !== LINKER && right !== ZWJ) pictograph = false;
    regionals = right === REGIONAL ? regionals + 1 : 0;
    left = right;
    end += point > 0xffff ? 2 : 1;
  }
  return end;
}

/** Whether a character may belong to the cluster of what is before it, or to that of what follows. */
export function mayJoin(point: number): boolean {
  return classes()[point] > CONTROL;
}

function isMark(kind: number): boolean {
  return kind >= EXTEND && kind <= SPACING;
}

function joinsHangul(left: number, right: number): boolean {
  if (left < HANGUL_L || right < HANGUL_L) return false;
  if (left === HANGUL_L) return right !== HANGUL_T;
  if (left === HANGUL_V || left === HANGUL_LV) return right === HANGUL_V || right === HANGUL_T;
  return right === HANGUL_T; // after T or LVT
}
