// The most likely segmentation of a text into pieces (Kudo 2018, section 3.2): a piece that ends at a place
// extends the best segmentation up to its beginning. A character that is no piece may be taken as unknown, at
// a score below all pieces. Two variants, since scores are sums that round: double precision as in the
// tokenizers library (unigram/model.rs, encode_optimized), single precision as in SentencePiece
// (unigram_model.cc, EncodeOptimized).

import type { DoubleArray } from "./double-array.js";
import { type Segmenter, stepAt, UNKNOWN_PIECE } from "./segmenter.js";

// Scratch above this many code units is given back after use.
const KEEP = 1 << 16;

/** Finds the best path; the scratch is reused. */
export class Viterbi implements Segmenter {
  readonly #trie: DoubleArray;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  readonly #single: boolean;
  // For each place: the score of the best path that ends here, where its last piece begins, and its id
  #best = new Float64Array(256);
  #froms = new Int32Array(256);
  #endIds = new Int32Array(256);
  ids = new Int32Array(256);
  begins = new Int32Array(256);

  /** @param single sums are rounded to single precision */
  constructor(trie: DoubleArray, scores: Float64Array, unknownScore: number, single: boolean) {
    this.#trie = trie;
    this.#scores = scores;
    this.#unknownScore = unknownScore;
    this.#single = single;
  }

  run(units: Uint16Array, from: number, to: number): number {
    const length = to - from;
    if (length === 0) return 0;
    this.#reserve(length + 1);
    this.#forward(units, from, length);
    return this.#backward(length);
  }

  clear(): void {
    if (this.#best.length > KEEP) this.#resize(256);
  }

  #forward(units: Uint16Array, from: number, length: number): void {
    const { codes, nodes } = this.#trie;
    const scores = this.#scores;
    const best = this.#best;
    const froms = this.#froms;
    const endIds = this.#endIds;
    const single = this.#single;
    froms.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let at = 0; at < length; ) {
      const here = best[at];
      const step = stepAt(units, from + at, from + length);
      let known = false;
      let node = 0;
      for (let i = at; i < length; ) {
        const code = codes[units[from + i]];
        const child = nodes[3 * node] + code;
        if (code === 0 || nodes[3 * child + 1] !== node) break;
        node = child;
        i++;
        const id = nodes[3 * node + 2];
        if (id < 0) continue;
        if (i - at === step) known = true;
        const sum = here + scores[id];
        const score = single ? Math.fround(sum) : sum;
        if (froms[i] < 0 || score > best[i]) {
          best[i] = score;
          froms[i] = at;
          endIds[i] = id;
        }
      }
      if (!known) {
        const score = here + this.#unknownScore;
        this.#unknown(at, at + step, single ? Math.fround(score) : score);
      }
      at += step;
    }
  }

  #unknown(at: number, end: number, score: number): void {
    if (this.#froms[end] >= 0 && score <= this.#best[end]) return;
    this.#best[end] = score;
    this.#froms[end] = at;
    this.#endIds[end] = UNKNOWN_PIECE;
  }

  #backward(length: number): number {
    let count = 0;
    for (let at = length; at > 0; count++) {
      this.ids[count] = this.#endIds[at];
      at = this.#froms[at];
      this.begins[count] = at;
    }
    return count;
  }

  #reserve(length: number): void {
    if (length > this.#best.length) this.#resize(Math.max(length, 2 * this.#best.length));
  }

  #resize(length: number): void {
    this.#best = new Float64Array(length);
    this.#froms = new Int32Array(length);
    this.#endIds = new Int32Array(length);
    this.ids = new Int32Array(length);
    this.begins = new Int32Array(length);
  }
}
