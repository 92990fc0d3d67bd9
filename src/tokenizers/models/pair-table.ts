// The merges of BPE: an open-addressing hash table from a pair of ids to rank and id of the merged token.

import { AthanorError } from "../../errors.js";

// Ranks and places share one number of 53 bits in the queue of merges.
const MOST_MERGES = 2 ** 22;

/** Pairs of tokens that merge. */
export class PairTable {
  /** Four numbers per slot: left id plus 1 (0: free), right id, rank, merged id. */
  readonly slots: Int32Array;
  readonly mask: number;

  constructor(merges: number) {
    if (merges > MOST_MERGES) {
      throw new AthanorError("ERR_TOKENIZER", `BPE: merges must be at most ${MOST_MERGES}, got ${merges}`);
    }
    const count = 2 ** Math.ceil(Math.log2(Math.max(2 * merges, 16)));
    this.slots = new Int32Array(4 * count);
    this.mask = count - 1;
  }

  /** Stores a merge; a pair that is there already gets the new rank. */
  set(left: number, right: number, rank: number, merged: number): void {
    const at = findPair(this.slots, this.mask, left, right);
    this.slots[at] = left + 1;
    this.slots[at + 1] = right;
    this.slots[at + 2] = rank;
    this.slots[at + 3] = merged;
  }

  /** All pairs by rank. */
  byRank(): [left: number, right: number][] {
    const found: { rank: number; pair: [number, number] }[] = [];
    for (let at = 0; at < this.slots.length; at += 4) {
      if (this.slots[at] === 0) continue;
      found.push({ rank: this.slots[at + 2], pair: [this.slots[at] - 1, this.slots[at + 1]] });
    }
    return found.sort((a, b) => a.rank - b.rank).map(({ pair }) => pair);
  }
}

/** The first number of the slot that holds a pair, or of the free slot where it would go. */
export function findPair(slots: Int32Array, mask: number, left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  let slot = (mixed ^ (mixed >>> 15)) & mask;
  for (;;) {
    const at = slot << 2;
    const owner = slots[at];
    if (owner === 0 || (owner === left + 1 && slots[at + 1] === right)) return at;
    slot = (slot + 1) & mask;
  }
}
