// The four normal forms of Unicode (UAX #15), with alignment, as unicode-normalization-alignments has them:
// what a character decomposes into stands for that character, marks take places in their sorted order, and a
// composed character stands for its first part.

import type { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";
import { combiningClass } from "../unicode/classes.js";
import { Changes } from "./changes.js";

type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

// Characters that have a decomposition today, but had none in the tables of the reference (Unicode 12.0).
const CANONICAL_LATER =
  /^[\u{105c9}\u{105e4}\u{11383}-\u{113c8}\u{11938}\u{16121}-\u{16128}\u{16d68}-\u{16d6a}]$/u;
const COMPATIBLE_LATER =
  /^[\u32ff\ua7f1-\ua7f4\uab69\u{10781}-\u{107ba}\u{1ccd6}-\u{1ccf9}\u{1e030}-\u{1e06d}\u{1f16c}\u{1fbf0}-\u{1fbf9}]$/u;

/** One of the normal forms. */
export class UnicodeForm implements Normalizer {
  readonly #form: Form;

  constructor(form: Form) {
    this.#form = form;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    // Nearly all text is in this form already
    const text = input.slice();
    if (text.normalize(this.#form) === text) {
      output.copy(input);
      return;
    }
    const changes = decomposed(text, this.#form.startsWith("NFK"));
    (this.#form.endsWith("C") ? composed(changes) : changes).apply(input, output);
  }
}

/** NFC, NFD, NFKC and NFKD of tokenizer.json. */
export const readNfc = (): Normalizer => new UnicodeForm("NFC");
export const readNfd = (): Normalizer => new UnicodeForm("NFD");
export const readNfkc = (): Normalizer => new UnicodeForm("NFKC");
export const readNfkd = (): Normalizer => new UnicodeForm("NFKD");

function decompose(character: string, compatible: boolean): string {
  if (CANONICAL_LATER.test(character)) return character;
  if (!compatible) return character.normalize("NFD");
  return COMPATIBLE_LATER.test(character) ? character : character.normalize("NFKD");
}

function decomposed(text: string, compatible: boolean): Changes {
  const result = new Changes();
  let marks: { point: number; change: number; order: number }[] = [];
  const flush = () => {
    marks.sort((a, b) => a.order - b.order);
    for (const { point, change } of marks) result.push(point, change);
    marks = [];
  };
  for (const character of text) {
    let change = 0;
    for (const part of decompose(character, compatible)) {
      const point = part.codePointAt(0)!;
      const order = combiningClass(point);
      if (order === 0) flush();
      if (order === 0) result.push(point, change);
      else marks.push({ point, change, order });
      change = 1;
    }
  }
  flush();
  return result;
}

// The canonical composition algorithm. A composed character has the sum of the changes of its parts, less one
// for each that it swallows.
function composed({ points, changes }: Changes): Changes {
  const result = new Changes();
  let starter = -1;
  let last = 0;
  for (let i = 0; i < points.length; i++) {
    const order = combiningClass(points[i]);
    const isNext = starter >= 0 && starter === result.points.length - 1;
    if (starter >= 0 && (isNext || last < order)) {
      const both = compose(result.points[starter], points[i]);
      if (both !== null) {
        result.points[starter] = both;
        result.changes[starter] += changes[i] - 1;
        continue;
      }
    }
    if (order === 0) starter = result.points.length;
    last = order;
    result.push(points[i], changes[i]);
  }
  return result;
}

function compose(first: number, second: number): number | null {
  const both = (String.fromCodePoint(first) + String.fromCodePoint(second)).normalize("NFC");
  const point = both.codePointAt(0)!;
  const isOne = both.length === (point > 0xffff ? 2 : 1);
  return isOne && !CANONICAL_LATER.test(both) ? point : null;
}
