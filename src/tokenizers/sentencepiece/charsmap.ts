// The compiled character map of a SentencePiece model: a double-array trie (Darts-clone) over UTF-8 from
// texts to the place of their replacement, then all replacements, each ended by a zero byte. Layout: four
// bytes with the size of the trie in bytes, the trie as 32-bit units, the replacements. In a unit bits 0 to 7
// are the label, bit 8 says that a value follows, the upper bits are the offset to the children; the highest
// bit marks a value. Source: sentencepiece normalizer.cc (PrefixMatcher, DecodePrecompiledCharsMap) and
// darts.h of Darts-clone.

import { AthanorError } from "../../errors.js";

const REPLACEMENT_CHARACTER = 0xfffd;

/** Finds what a text is to be replaced by. */
export class Charsmap {
  readonly #trie: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #decoded = new Map<number, string>();
  /** Where the text that `shortest` or `longest` found ends. */
  end = 0;

  /** Made by `parse`. */
  constructor(trie: Uint32Array, texts: Uint8Array) {
    this.#trie = trie;
    this.#texts = texts;
  }

  /**
   * Reads a map as it lies in a SentencePiece model.
   *
   * @throws AthanorError ERR_TOKENIZER: the bytes are shorter than they say, or the trie is not whole units.
   */
  static parse(bytes: Uint8Array): Charsmap {
    if (bytes.length < 4) throw wrong("at least 4 bytes", `${bytes.length}`);
    const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
    if (size > bytes.length - 4) throw wrong(`a trie of ${size} bytes`, `${bytes.length - 4} bytes`);
    if (size === 0 || size % 4 !== 0) throw wrong("a trie of whole units of 4 bytes", `${size} bytes`);
    const trie = new Uint32Array(size / 4);
    const view = new DataView(bytes.buffer, bytes.byteOffset + 4, size);
    for (let i = 0; i < trie.length; i++) trie[i] = view.getUint32(4 * i, true);
    return new Charsmap(trie, bytes.slice(4 + size));
  }

  /** The replacement of the shortest text of the map that `units[at, to)` begins with, or null. */
  shortest(units: Uint16Array, at: number, to: number): string | null {
    return this.#find(units, at, to, false);
  }

  /** The replacement of the longest text of the map that `units[at, to)` begins with, or null. */
  longest(units: Uint16Array, at: number, to: number): string | null {
    return this.#find(units, at, to, true);
  }

  #find(units: Uint16Array, from: number, to: number, longest: boolean): string | null {
    const trie = this.#trie;
    let found = -1;
    let node = offsetOf(trie[0]);
    for (let at = from; at < to; ) {
      let point = codePoint(units, at, to);
      at += point > 0xffff ? 2 : 1;
      if (point >= 0xd800 && point < 0xe000) point = REPLACEMENT_CHARACTER;
      const bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      for (let i = 0; i < bytes; i++) {
        const byte = utf8Byte(point, bytes, i);
        node ^= byte;
        const unit = trie[node];
        // A damaged trie may lead outside: there is nothing there
        if (byte === 0 || unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) {
          return found < 0 ? null : this.#text(found);
        }
        node ^= offsetOf(unit);
        if ((unit & 0x100) === 0 || trie[node] === undefined) continue;
        found = trie[node] & 0x7fffffff;
        this.end = at;
        if (!longest) return this.#text(found);
      }
    }
    return found < 0 ? null : this.#text(found);
  }

  #text(start: number): string {
    let text = this.#decoded.get(start);
    if (text === undefined) {
      const end = this.#texts.indexOf(0, start);
      text = decoder.decode(this.#texts.subarray(start, end < 0 ? this.#texts.length : end));
      this.#decoded.set(start, text);
    }
    return text;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

/** The code point at a place; half a surrogate pair stands for itself. */
export function codePoint(units: Uint16Array, at: number, to: number): number {
  const unit = units[at];
  if ((unit & 0xfc00) !== 0xd800 || at + 1 >= to) return unit;
  const low = units[at + 1];
  return (low & 0xfc00) === 0xdc00 ? 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff) : unit;
}

function utf8Byte(point: number, bytes: number, index: number): number {
  const bits = point >>> (6 * (bytes - 1 - index));
  if (index > 0) return 0x80 | (bits & 0x3f);
  if (bytes === 1) return point;
  return bytes === 2 ? 0xc0 | bits : bytes === 3 ? 0xe0 | bits : 0xf0 | bits;
}

function wrong(needed: string, came: string): AthanorError {
  return new AthanorError("ERR_TOKENIZER", `SentencePiece character map: must hold ${needed}, got ${came}`);
}
