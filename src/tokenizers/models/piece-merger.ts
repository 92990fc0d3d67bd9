// Byte-pair encoding as SentencePiece has it (bpe_model.cc): a text starts as characters, and the two
// neighbours that together are the piece with the greatest score become one, the leftmost first, until no two
// are a piece. Pieces of the type "unused" help on the way and are taken apart again at the end.

import { Heap } from "../heap.js";
import type { DoubleArray } from "./double-array.js";
import { type Segmenter, stepAt, UNKNOWN_PIECE } from "./segmenter.js";

// Scratch above this many symbols is given back after use.
const KEEP = 1 << 16;

/** What a merger needs to know of the pieces. */
export interface MergerPieces {
  /** Piece to id, of those that can appear in a text. */
  trie: DoubleArray;
  scores: Float64Array;
  isUnused(id: number): boolean;
  /**
   * The end of the user-defined symbol that begins at a place, or the place itself. Such a symbol stays
   * whole.
   */
  symbolEnd(units: Uint16Array, at: number, to: number): number;
}

/** Merges characters into pieces, best first. */
export class PieceMerger implements Segmenter {
  ids = new Int32Array(64);
  begins = new Int32Array(64);
  readonly #pieces: MergerPieces;
  // Symbols by the place of their first unit: end (0: merged away), neighbours (-1: none), whether they stay
  // as they are
  #ends = new Int32Array(64);
  #before = new Int32Array(64);
  #after = new Int32Array(64);
  #frozen = new Uint8Array(64);
  // How the unused piece at a place and of a length was made: place * (length of the text + 1) + length ->
  // middle
  readonly #unused = new Map<number, number>();
  readonly #agenda = new Heap<Candidate>(isBefore);

  constructor(pieces: MergerPieces) {
    this.#pieces = pieces;
  }

  run(units: Uint16Array, from: number, to: number): number {
    const length = to - from;
    if (length === 0) return 0;
    this.#reserve(length + 1);
    this.#unused.clear();
    this.#start(units, from, length);
    for (let at = 0; at >= 0; at = this.#after[at]) this.#consider(units, from, length, at, this.#after[at]);
    for (let top = this.#agenda.pop(); top !== undefined; top = this.#agenda.pop()) {
      const { left, right, end } = top;
      // Taken by another pair in the meantime
      if (this.#ends[left] !== right || this.#ends[right] !== end) continue;
      this.#ends[left] = end;
      this.#ends[right] = 0;
      const next = this.#after[right];
      this.#after[left] = next;
      if (next >= 0) this.#before[next] = left;
      this.#consider(units, from, length, this.#before[left], left);
      this.#consider(units, from, length, left, next);
    }
    return this.#collect(units, from, length);
  }

  clear(): void {
    if (this.#ends.length > KEEP) this.#resize(64);
    this.#agenda.clear();
  }

  #start(units: Uint16Array, from: number, length: number): void {
    let before = -1;
    for (let at = 0; at < length; ) {
      const symbol = this.#pieces.symbolEnd(units, from + at, from + length) - from;
      const end = symbol > at ? symbol : at + stepAt(units, from + at, from + length);
      this.#frozen[at] = symbol > at ? 1 : 0;
      this.#ends[at] = end;
      this.#before[at] = before;
      this.#after[at] = end < length ? end : -1;
      before = at;
      at = end;
    }
  }

  #consider(units: Uint16Array, from: number, length: number, left: number, right: number): void {
    if (left < 0 || right < 0 || this.#frozen[left] === 1 || this.#frozen[right] === 1) return;
    const end = this.#ends[right];
    const id = this.#idOf(units, from + left, from + end);
    if (id === UNKNOWN_PIECE) return;
    this.#agenda.push({ score: this.#pieces.scores[id], left, right, end });
    if (this.#pieces.isUnused(id)) this.#unused.set(left * (length + 1) + end - left, right);
  }

  // First to last into the lists, then turned round.
  #collect(units: Uint16Array, from: number, length: number): number {
    let count = 0;
    const add = (begin: number, end: number): void => {
      const id = this.#idOf(units, from + begin, from + end);
      const middle = this.#unused.get(begin * (length + 1) + end - begin);
      if (id !== UNKNOWN_PIECE && this.#pieces.isUnused(id) && middle !== undefined) {
        add(begin, middle);
        add(middle, end);
        return;
      }
      this.ids[count] = id;
      this.begins[count++] = begin;
    };
    for (let at = 0; at >= 0; at = this.#after[at]) add(at, this.#ends[at]);
    this.ids.subarray(0, count).reverse();
    this.begins.subarray(0, count).reverse();
    return count;
  }

  #idOf(units: Uint16Array, from: number, to: number): number {
    const { codes, nodes } = this.#pieces.trie;
    let node = 0;
    for (let i = from; i < to; i++) {
      const code = codes[units[i]];
      const child = nodes[3 * node] + code;
      if (code === 0 || nodes[3 * child + 1] !== node) return UNKNOWN_PIECE;
      node = child;
    }
    return nodes[3 * node + 2];
  }

  #reserve(length: number): void {
    if (length > this.#ends.length) this.#resize(Math.max(length, 2 * this.#ends.length));
  }

  #resize(length: number): void {
    this.ids = new Int32Array(length);
    this.begins = new Int32Array(length);
    this.#ends = new Int32Array(length);
    this.#before = new Int32Array(length);
    this.#after = new Int32Array(length);
    this.#frozen = new Uint8Array(length);
  }
}

interface Candidate {
  score: number;
  left: number;
  right: number;
  end: number;
}

// The greatest score first, then the leftmost.
function isBefore(a: Candidate, b: Candidate): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
