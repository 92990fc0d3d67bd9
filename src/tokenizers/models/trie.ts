// A trie over UTF-16 code units, all edges in one open-addressing hash table: (node, unit) -> (child, value).
// One cache line per step and no string per lookup, which is what makes WordPiece fast in JavaScript.

const EMPTY = 0; // nodes are numbered from 1, so that a fresh table is empty

/** Maps strings to non-negative integers, walked one code unit at a time. Several roots share the table. */
export class Trie {
  /** Four numbers per slot: node, unit, child, value of the child (-1: no string ends here). */
  slots: Int32Array;
  /** Number of slots less one; the number is a power of two. */
  mask: number;
  #nodes = 0;
  #edges = 0;

  constructor(expectedEdges = 1024) {
    const count = 2 ** Math.ceil(Math.log2(2 * expectedEdges));
    this.slots = new Int32Array(4 * count);
    this.mask = count - 1;
  }

  /** A new root. */
  root(): number {
    return ++this.#nodes;
  }

  /** Stores `value` for `text[from..]` below `root`. The empty string cannot be stored. */
  set(root: number, text: string, from: number, value: number): void {
    let node = root;
    for (let i = from; i < text.length; i++) {
      const slot = this.#edge(node, text.charCodeAt(i));
      if (i === text.length - 1) this.slots[slot + 3] = value;
      node = this.slots[slot + 2];
    }
  }

  // The slot of an edge, made if it is missing.
  #edge(node: number, unit: number): number {
    const at = find(this.slots, this.mask, node, unit);
    if (this.slots[at] !== EMPTY) return at;
    if (2 * (this.#edges + 1) > this.mask) {
      this.#grow();
      return this.#edge(node, unit);
    }
    this.#edges++;
    this.slots[at] = node;
    this.slots[at + 1] = unit;
    this.slots[at + 2] = ++this.#nodes;
    this.slots[at + 3] = -1;
    return at;
  }

  #grow(): void {
    const { slots } = this;
    this.mask = 2 * this.mask + 1;
    this.slots = new Int32Array(2 * slots.length);
    for (let i = 0; i < slots.length; i += 4) {
      if (slots[i] === EMPTY) continue;
      const at = find(this.slots, this.mask, slots[i], slots[i + 1]);
      for (let j = 0; j < 4; j++) this.slots[at + j] = slots[i + j];
    }
  }
}

/** The first number of the slot that holds the edge, or of the free slot where it would go. */
export function find(slots: Int32Array, mask: number, node: number, unit: number): number {
  let slot = hash(node, unit) & mask;
  for (;;) {
    const at = slot << 2;
    const owner = slots[at];
    if (owner === EMPTY || (owner === node && slots[at + 1] === unit)) return at;
    slot = (slot + 1) & mask;
  }
}

function hash(node: number, unit: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
