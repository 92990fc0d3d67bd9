// Merging the symbols of a word: again and again the pair of lowest rank, of those the leftmost. Short words
// look for it among all pairs; long ones keep the pairs in a priority queue, so that a word of n symbols takes
// n log n steps.

import { findPair, type PairTable } from "./pair-table.js";
import type { Segments } from "./segments.js";

const NONE = 0x7fffffff;
// Up to here looking at all pairs is faster
const SHORT = 24;

/** Merges symbols in place: the result takes the first places of `symbols`. */
export class Merger {
  readonly #pairs: PairTable;
  #ranks = new Int32Array(SHORT);
  #merged = new Int32Array(SHORT);

  constructor(pairs: PairTable) {
    this.#pairs = pairs;
  }

  merge(symbols: Segments): void {
    if (symbols.length < 2) return;
    if (symbols.length <= SHORT) this.#mergeShort(symbols);
    else mergeLong(symbols, this.#pairs);
  }

  #mergeShort(symbols: Segments): void {
    const { ids, ends } = symbols;
    const ranks = this.#ranks;
    const merged = this.#merged;
    let count = symbols.length;
    for (let i = 0; i + 1 < count; i++) this.#rank(ids, i);
    for (;;) {
      let best = -1;
      let lowest = NONE;
      for (let i = 0; i + 1 < count; i++) {
        if (ranks[i] < lowest) {
          lowest = ranks[i];
          best = i;
        }
      }
      if (best < 0) break;
      ids[best] = merged[best];
      ends[best] = ends[best + 1];
      count--;
      for (let i = best + 1; i < count; i++) {
        ids[i] = ids[i + 1];
        symbols.starts[i] = symbols.starts[i + 1];
        ends[i] = ends[i + 1];
        ranks[i] = ranks[i + 1];
        merged[i] = merged[i + 1];
      }
      if (best + 1 < count) this.#rank(ids, best);
      if (best > 0) this.#rank(ids, best - 1);
    }
    symbols.length = count;
  }

  #rank(ids: Int32Array, at: number): void {
    const { slots, mask } = this.#pairs;
    const slot = findPair(slots, mask, ids[at], ids[at + 1]);
    this.#ranks[at] = slots[slot] === 0 ? NONE : slots[slot + 2];
    this.#merged[at] = slots[slot + 3];
  }
}

// A symbol that was merged into another has id -1.
function mergeLong(symbols: Segments, { slots, mask }: PairTable): void {
  const { ids, starts, ends, length } = symbols;
  const next = new Int32Array(length);
  const previous = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  const queue = new MergeQueue(length);
  const offer = (at: number) => {
    const slot = findPair(slots, mask, ids[at], ids[next[at]]);
    if (slots[slot] !== 0) queue.push(slots[slot + 2], at);
  };
  for (let i = 0; i + 1 < length; i++) offer(i);
  while (queue.length > 0) {
    const { rank, place } = queue.pop();
    const right = next[place];
    if (ids[place] < 0 || right === length) continue;
    const slot = findPair(slots, mask, ids[place], ids[right]);
    // The pair of that time may have become another one
    if (slots[slot] === 0 || slots[slot + 2] !== rank) continue;
    ids[place] = slots[slot + 3];
    ids[right] = -1;
    ends[place] = ends[right];
    next[place] = next[right];
    if (next[place] < length) {
      previous[next[place]] = place;
      offer(place);
    }
    if (previous[place] >= 0) offer(previous[place]);
  }
  let count = 0;
  for (let i = 0; i < length; i = next[i]) {
    ids[count] = ids[i];
    starts[count] = starts[i];
    ends[count++] = ends[i];
  }
  symbols.length = count;
}

const PLACES = 2 ** 31;

/** A binary heap of merges: lowest rank first, then leftmost. */
class MergeQueue {
  length = 0;
  // rank * 2^31 + place, exact in a double
  #keys: Float64Array;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity);
  }

  push(rank: number, place: number): void {
    if (this.length === this.#keys.length) {
      const old = this.#keys;
      this.#keys = new Float64Array(2 * old.length);
      this.#keys.set(old);
    }
    const keys = this.#keys;
    const key = rank * PLACES + place;
    let at = this.length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[at] = keys[parent];
      at = parent;
    }
    keys[at] = key;
  }

  pop(): { rank: number; place: number } {
    const keys = this.#keys;
    const top = keys[0];
    const key = keys[--this.length];
    const { length } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = key;
    const rank = Math.floor(top / PLACES);
    return { rank, place: top - rank * PLACES };
  }
}
