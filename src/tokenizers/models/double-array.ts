// A double-array trie (Aoe 1989) over UTF-16 code units. Units that occur get small codes, the most frequent
// ones the smallest, so that the arrays stay dense; a step is one addition and one comparison:
//   child = base[node] + code[unit],  valid when check[child] === node

import { repeatedToken } from "./vocabulary.js";

// Free places looked at for a node with several children before it goes behind all others: the arrays grow by
// a few percent, and building stays linear.
const TRIES = 64;

/** Maps strings to non-negative integers; built once, then walked. The root is node 0. */
export class DoubleArray {
  /** The code of each unit; 0: no string holds it. */
  readonly codes = new Uint16Array(0x10000);
  /** Three numbers per node: base, check, value (-1: no string ends here). */
  nodes = new Int32Array(0);
  // Doubly linked list of the free places, in order; 0 begins and ends it.
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #size = 1;
  // All places from here on are free.
  #end = 1;
  #largestCode = 0;

  /**
   * @param keys not empty
   * @param values the value of each key
   * @throws AthanorError ERR_TOKENIZER: a key appears twice.
   */
  constructor(keys: readonly string[], values: ArrayLike<number>) {
    this.#assignCodes(keys);
    this.#grow(2 * keys.length + 256);
    this.nodes.fill(-1, 1, 3);
    this.#build(keys, values);
    this.#next = new Int32Array(0);
    this.#previous = new Int32Array(0);
  }

  /** The value of a string, or -1. */
  get(key: string): number {
    let node = 0;
    for (let i = 0; i < key.length; i++) {
      const code = this.codes[key.charCodeAt(i)];
      const child = this.nodes[3 * node] + code;
      if (code === 0 || this.nodes[3 * child + 1] !== node) return -1;
      node = child;
    }
    return this.nodes[3 * node + 2];
  }

  #assignCodes(keys: readonly string[]): void {
    const counts = new Int32Array(0x10000);
    for (const key of keys) for (let i = 0; i < key.length; i++) counts[key.charCodeAt(i)]++;
    const present: number[] = [];
    for (let unit = 0; unit < counts.length; unit++) if (counts[unit] > 0) present.push(unit);
    present.sort((a, b) => counts[b] - counts[a] || a - b);
    for (let i = 0; i < present.length; i++) this.codes[present[i]] = i + 1;
    this.#largestCode = present.length;
  }

  // Depth first, so that the nodes of a string lie near each other. The keys below a node form a linked list,
  // which is dealt out by the next unit: no key is compared with another.
  #build(keys: readonly string[], values: ArrayLike<number>): void {
    const { codes } = this;
    const following = Int32Array.from(keys, (_, i) => i + 1);
    following[keys.length - 1] = -1;
    const heads = new Int32Array(this.#largestCode + 1).fill(-1);
    const pending = keys.length === 0 ? [] : [0, 0, 0]; // node, first key, depth
    const present: number[] = [];
    while (pending.length > 0) {
      const depth = pending.pop()!;
      let key = pending.pop()!;
      const node = pending.pop()!;
      present.length = 0;
      while (key >= 0) {
        const next = following[key];
        if (keys[key].length === depth) this.#setValue(node, keys[key], values[key]);
        else {
          const code = codes[keys[key].charCodeAt(depth)];
          if (heads[code] < 0) present.push(code);
          following[key] = heads[code];
          heads[code] = key;
        }
        key = next;
      }
      if (present.length === 0) continue;
      const base = this.#place(node, present);
      for (const code of present) {
        pending.push(base + code, heads[code], depth + 1);
        heads[code] = -1;
      }
    }
  }

  #setValue(node: number, key: string, value: number): void {
    const known = this.nodes[3 * node + 2];
    if (known >= 0) throw repeatedToken("vocabulary", key, Math.min(known, value), Math.max(known, value));
    this.nodes[3 * node + 2] = value;
  }

  // Gives a node a base under which the places of all its children are free, and takes them.
  #place(node: number, codes: readonly number[]): number {
    let base = -1;
    let tries = TRIES;
    for (let place = this.#next[0]; place !== 0 && tries > 0; place = this.#next[place], tries--) {
      const candidate = place - codes[0];
      if (candidate >= 0 && this.#isFree(candidate, codes)) {
        base = candidate;
        break;
      }
    }
    // Behind all others
    if (base < 0) base = Math.max(this.#end - Math.min(...codes), 0);
    // A base may be looked up with any code
    if (base + this.#largestCode >= this.#size) this.#grow(base + this.#largestCode + 1);
    this.nodes[3 * node] = base;
    for (const code of codes) {
      const child = base + code;
      this.#end = Math.max(this.#end, child + 1);
      this.nodes[3 * child + 1] = node;
      this.#next[this.#previous[child]] = this.#next[child];
      this.#previous[this.#next[child]] = this.#previous[child];
    }
    return base;
  }

  #isFree(base: number, codes: readonly number[]): boolean {
    for (const code of codes) {
      const child = base + code;
      if (child < this.#size && this.nodes[3 * child + 1] >= 0) return false;
    }
    return true;
  }

  #grow(least: number): void {
    const before = this.#size;
    const size = Math.max(least, 2 * before);
    const nodes = new Int32Array(3 * size);
    nodes.set(this.nodes);
    const next = new Int32Array(size);
    next.set(this.#next);
    const previous = new Int32Array(size);
    previous.set(this.#previous);
    let last = previous[0];
    for (let place = before; place < size; place++) {
      nodes[3 * place + 1] = -1;
      nodes[3 * place + 2] = -1;
      next[last] = place;
      previous[place] = last;
      last = place;
    }
    previous[0] = last;
    this.nodes = nodes;
    this.#next = next;
    this.#previous = previous;
    this.#size = size;
  }
}
