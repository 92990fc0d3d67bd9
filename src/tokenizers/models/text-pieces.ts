// The two plain kinds of SentencePiece models: every character a piece (char_model.cc), or every word
// (word_model.cc).

import type { MergerPieces } from "./piece-merger.js";
import { type Segmenter, stepAt, UNKNOWN_PIECE } from "./segmenter.js";

const BLANK = 0x2581;

/** Cuts text at fixed places, and looks each part up. */
export class TextPieces implements Segmenter {
  ids = new Int32Array(64);
  begins = new Int32Array(64);
  readonly #pieces: Pick<MergerPieces, "trie" | "symbolEnd">;
  readonly #words: boolean;

  /** @param words whole words, each with the mark of the blank before it; else characters */
  constructor(pieces: Pick<MergerPieces, "trie" | "symbolEnd">, words: boolean) {
    this.#pieces = pieces;
    this.#words = words;
  }

  run(units: Uint16Array, from: number, to: number): number {
    if (to - from > this.ids.length) {
      this.ids = new Int32Array(to - from);
      this.begins = new Int32Array(to - from);
    }
    let count = 0;
    for (let at = from; at < to; count++) {
      const end = this.#words ? wordEnd(units, at, to) : this.#characterEnd(units, at, to);
      this.ids[count] = this.#idOf(units, at, end);
      this.begins[count] = at - from;
      at = end;
    }
    this.ids.subarray(0, count).reverse();
    this.begins.subarray(0, count).reverse();
    return count;
  }

  clear(): void {
    if (this.ids.length <= 1 << 16) return;
    this.ids = new Int32Array(64);
    this.begins = new Int32Array(64);
  }

  #characterEnd(units: Uint16Array, at: number, to: number): number {
    const symbol = this.#pieces.symbolEnd(units, at, to);
    return symbol > at ? symbol : at + stepAt(units, at, to);
  }

  #idOf(units: Uint16Array, from: number, to: number): number {
    let key = "";
    for (let i = from; i < to; i++) key += String.fromCharCode(units[i]);
    const id = this.#pieces.trie.get(key);
    return id < 0 ? UNKNOWN_PIECE : id;
  }
}

function wordEnd(units: Uint16Array, at: number, to: number): number {
  let end = at + 1;
  while (end < to && units[end] !== BLANK) end++;
  return end;
}
