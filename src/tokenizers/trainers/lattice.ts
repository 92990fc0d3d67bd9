// All ways to cut a word into pieces, for Unigram training: expected counts by the forward-backward
// algorithm, and the best way by Viterbi. Scores are log probabilities; a piece with score -Infinity is not
// in the vocabulary any more.

import { find, Trie } from "../models/trie.js";

/** The pieces, by text. Built once: pieces are dropped by their score. */
export class Lattice {
  readonly #trie: Trie;
  readonly #root: number;
  /** Log probability of each piece. */
  readonly scores: Float64Array;
  // The pieces within the word: where each begins and ends, and its id, by beginning
  #begins = new Int32Array(256);
  #ends = new Int32Array(256);
  #ids = new Int32Array(256);
  #count = 0;
  #alpha = new Float64Array(64);
  #beta = new Float64Array(64);
  #from = new Int32Array(64);
  /** The best way that `best` found: ids, the last one first. */
  path: number[] = [];

  constructor(size: number) {
    this.#trie = new Trie(2 * size);
    this.#root = this.#trie.root();
    this.scores = new Float64Array(size);
  }

  /** Adds a piece. */
  add(piece: string, id: number, score: number): void {
    this.#trie.set(this.#root, piece, 0, id);
    this.scores[id] = score;
  }

  /**
   * Adds `weight` times the probability of each piece's use in a word to `expected`. Returns the word's own.
   */
  expect(word: string, weight: number, expected: Float64Array): number {
    this.#enumerate(word, -1);
    const alpha = this.#alpha.fill(Number.NEGATIVE_INFINITY, 0, word.length + 1);
    const beta = this.#beta.fill(Number.NEGATIVE_INFINITY, 0, word.length + 1);
    alpha[0] = 0;
    beta[word.length] = 0;
    for (let i = 0; i < this.#count; i++) {
      const end = this.#ends[i];
      alpha[end] = logAdd(alpha[end], alpha[this.#begins[i]] + this.scores[this.#ids[i]]);
    }
    for (let i = this.#count - 1; i >= 0; i--) {
      const begin = this.#begins[i];
      beta[begin] = logAdd(beta[begin], beta[this.#ends[i]] + this.scores[this.#ids[i]]);
    }
    const total = alpha[word.length];
    for (let i = 0; i < this.#count; i++) {
      const id = this.#ids[i];
      expected[id] +=
        weight * Math.exp(alpha[this.#begins[i]] + this.scores[id] + beta[this.#ends[i]] - total);
    }
    return total;
  }

  /**
   * The best way through a word without the piece `banned` (-1: with all); its score, or -Infinity without a
   * way.
   */
  best(word: string, banned = -1): number {
    this.#enumerate(word, banned);
    const alpha = this.#alpha.fill(Number.NEGATIVE_INFINITY, 0, word.length + 1);
    alpha[0] = 0;
    for (let i = 0; i < this.#count; i++) {
      const end = this.#ends[i];
      const score = alpha[this.#begins[i]] + this.scores[this.#ids[i]];
      if (score > alpha[end]) {
        alpha[end] = score;
        this.#from[end] = i;
      }
    }
    this.path = [];
    if (alpha[word.length] === Number.NEGATIVE_INFINITY) return Number.NEGATIVE_INFINITY;
    for (let at = word.length; at > 0; at = this.#begins[this.#from[at]])
      this.path.push(this.#ids[this.#from[at]]);
    return alpha[word.length];
  }

  // The pieces within a word, by beginning. Places that no piece ends at lead nowhere and need no care.
  #enumerate(word: string, banned: number): void {
    const { slots, mask } = this.#trie;
    this.#count = 0;
    if (word.length >= this.#alpha.length) this.#reserve(word.length + 1);
    for (let at = 0; at < word.length; at++) {
      let node = this.#root;
      for (let i = at; i < word.length; ) {
        const slot = find(slots, mask, node, word.charCodeAt(i++));
        if (slots[slot] === 0) break;
        node = slots[slot + 2];
        const id = slots[slot + 3];
        if (id >= 0 && id !== banned && this.scores[id] > Number.NEGATIVE_INFINITY) this.#push(at, i, id);
      }
    }
  }

  #push(begin: number, end: number, id: number): void {
    if (this.#count === this.#ids.length) {
      this.#begins = doubled(this.#begins);
      this.#ends = doubled(this.#ends);
      this.#ids = doubled(this.#ids);
    }
    this.#begins[this.#count] = begin;
    this.#ends[this.#count] = end;
    this.#ids[this.#count++] = id;
  }

  #reserve(length: number): void {
    this.#alpha = new Float64Array(2 * length);
    this.#beta = new Float64Array(2 * length);
    this.#from = new Int32Array(2 * length);
  }
}

function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(2 * values.length);
  copy.set(values);
  return copy;
}

function logAdd(a: number, b: number): number {
  if (a === Number.NEGATIVE_INFINITY) return b;
  if (b === Number.NEGATIVE_INFINITY) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}
