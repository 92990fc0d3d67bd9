// The character map of a SentencePiece model as the tokenizers library applies it: a grapheme cluster of less
// than 6 bytes of UTF-8 becomes the replacement of the shortest text of the map that it begins with (whatever
// follows in the cluster is gone); in any other cluster each character is looked up alone. Source: tokenizers
// 0.23.2, normalizers/precompiled.rs, and NormalizedString::transform for which original character a new one
// stands for.

import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import { Charsmap, codePoint } from "../sentencepiece/charsmap.js";
import type { Normalizer } from "../stages.js";
import { clusterEnd, mayJoin } from "./graphemes.js";

// What is known of a code unit: that it is copied unless something joins it, or that it is not so simple.
const PLAIN = 1;
const OTHER = 2;

/** Replaces characters by a compiled map. */
export class Precompiled implements Normalizer {
  readonly #charsmap: Charsmap;
  readonly #kinds = new Uint8Array(0x10000);
  readonly #single = new Uint16Array(1);

  constructor(charsmap: Charsmap) {
    this.#charsmap = charsmap;
  }

  normalize(input: NormalizedText, out: NormalizedText): void {
    const { units, starts, ends, length: to } = input;
    const run = new Replacing(input, out);
    for (let at = 0; at < to; ) {
      if (run.inStep(at) && this.#isPlain(units, at, to)) {
        out.reserve(to - at);
        let length = out.length;
        do {
          out.units[length] = units[at];
          out.starts[length] = starts[at];
          out.ends[length++] = ends[at++];
        } while (at < to && this.#isPlain(units, at, to));
        out.length = length;
        run.copied(at);
      } else at = this.#cluster(units, at, to, run);
    }
  }

  #isPlain(units: Uint16Array, at: number, to: number): boolean {
    const kinds = this.#kinds;
    return (
      (kinds[units[at]] || this.#kindOf(units[at])) === PLAIN &&
      (at + 1 === to || (kinds[units[at + 1]] || this.#kindOf(units[at + 1])) === PLAIN)
    );
  }

  #kindOf(unit: number): number {
    this.#single[0] = unit;
    const simple =
      (unit & 0xf800) !== 0xd800 &&
      unit !== 0x0d &&
      !mayJoin(unit) &&
      this.#charsmap.shortest(this.#single, 0, 1) === null;
    this.#kinds[unit] = simple ? PLAIN : OTHER;
    return this.#kinds[unit];
  }

  // One cluster; returns its end.
  #cluster(units: Uint16Array, from: number, to: number, run: Replacing): number {
    const end = clusterEnd(units, from, to);
    if (bytesOf(units, from, end) < 6) {
      const text = this.#charsmap.shortest(units, from, end);
      if (text !== null) {
        run.replace(characters(units, from, end), text);
        return end;
      }
    }
    for (let at = from; at < end; ) {
      const next = at + (codePoint(units, at, end) > 0xffff ? 2 : 1);
      const text = this.#charsmap.shortest(units, at, next);
      if (text === null) run.keep(at, next);
      else run.replace(1, text);
      at = next;
    }
    return end;
  }
}

// Writes new characters and keeps count of the old ones that they take the place of.
class Replacing {
  readonly #source: NormalizedText;
  readonly #to: number;
  readonly #out: NormalizedText;
  readonly #begin: number;
  // The next old character that nothing stands for yet.
  #cursor = 0;
  // Where the last new character begins that came in addition to the old ones; -1: the last one did not.
  #added = -1;

  constructor(source: NormalizedText, out: NormalizedText) {
    this.#source = source;
    this.#to = source.length;
    this.#out = out;
    this.#begin = out.length;
  }

  // Whether the character at `at` is the next old one. It is not after characters were removed at the very
  // beginning: the reference does not count those, and all offsets after them are early by as much.
  inStep(at: number): boolean {
    return this.#cursor === at;
  }

  // The caller has copied everything up to `at`.
  copied(at: number): void {
    this.#cursor = at;
    this.#added = -1;
  }

  keep(at: number, next: number): void {
    const { units } = this.#source;
    this.#out.reserve(2);
    const first = this.#out.length;
    for (let i = at; i < next; i++) this.#out.units[this.#out.length++] = units[i];
    this.#align(first);
    this.#added = -1;
  }

  // `count` old characters become `text`.
  replace(count: number, text: string): void {
    const out = this.#out;
    let left = count;
    out.reserve(text.length);
    for (let i = 0; i < text.length; ) {
      const next = i + (text.codePointAt(i)! > 0xffff ? 2 : 1);
      const first = out.length;
      while (i < next) out.units[out.length++] = text.charCodeAt(i++);
      if (left > 0) {
        this.#align(first);
        this.#added = -1;
        left--;
      } else {
        const before = first - 1;
        out.starts.fill(before < 0 ? 0 : out.starts[before], first, out.length);
        out.ends.fill(before < 0 ? 0 : out.ends[before], first, out.length);
        this.#added = first;
      }
    }
    if (left > 0) this.#remove(left);
  }

  // Old characters that nothing stands for: they go with the new character before them.
  #remove(count: number): void {
    if (this.#out.length === this.#begin) return;
    let left = count;
    if (this.#added >= 0) {
      this.#align(this.#added);
      this.#added = -1;
      left--;
    }
    for (; left > 0; left--) this.#cursor = this.#afterCursor();
  }

  // The units from `first` on stand for the next old character.
  #align(first: number): void {
    const { starts, ends } = this.#source;
    const next = this.#afterCursor();
    this.#out.starts.fill(starts[this.#cursor], first, this.#out.length);
    this.#out.ends.fill(ends[next - 1], first, this.#out.length);
    this.#cursor = next;
  }

  #afterCursor(): number {
    const point = codePoint(this.#source.units, this.#cursor, this.#to);
    return Math.min(this.#cursor + (point > 0xffff ? 2 : 1), this.#to);
  }
}

// In UTF-8; half a surrogate pair counts as the replacement character that it would become.
function bytesOf(units: Uint16Array, from: number, to: number): number {
  let bytes = 0;
  for (let at = from; at < to; ) {
    const point = codePoint(units, at, to);
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    at += point > 0xffff ? 2 : 1;
  }
  return bytes;
}

function characters(units: Uint16Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; count++) at += codePoint(units, at, to) > 0xffff ? 2 : 1;
  return count;
}

/** Precompiled of tokenizer.json: `precompiled_charsmap` in base 64. */
export function readPrecompiled(fields: Fields): Precompiled {
  const text = fields.string("precompiled_charsmap");
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw fields.wrong("precompiled_charsmap", "bytes in base 64");
  return new Precompiled(Charsmap.parse(bytes));
}
