// A double-array trie (Aoe 1989) over UTF-16 code units. Units that occur get small codes, the most frequent ones the
// smallest, so that the arrays stay dense; a step is one addition and one comparison:
//   child = base[node] + code[unit],  valid when check[child] === node

// Free places looked at for a node with several children before it goes behind all others: the arrays grow by a few
// percent, and building stays linear.
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
  #largestCode = 0;

  /** @param entries the strings, distinct and not empty, and the value of each. */
  constructor(entries: Iterable<readonly [string, number]>) {
    const sorted = [...entries].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    this.#assignCodes(sorted);
    this.#grow(1024);
    this.nodes.fill(-1, 1, 3);
    this.#build(sorted);
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

  #assignCodes(entries: readonly (readonly [string, number])[]): void {
    const counts = new Int32Array(0x10000);
    for (const [key] of entries) for (let i = 0; i < key.length; i++) counts[key.charCodeAt(i)]++;
    const present: number[] = [];
    for (let unit = 0; unit < counts.length; unit++) if (counts[unit] > 0) present.push(unit);
    present.sort((a, b) => counts[b] - counts[a] || a - b);
    for (let i = 0; i < present.length; i++) this.codes[present[i]] = i + 1;
    this.#largestCode = present.length;
  }

  // Depth first, so that the nodes of a string lie near each other.
  #build(entries: readonly (readonly [string, number])[]): void {
    const pending = [{ node: 0, from: 0, to: entries.length, depth: 0 }];
    for (let work = pending.pop(); work !== undefined; work = pending.pop()) {
      const { node, to, depth } = work;
      let from = work.from;
      if (from < to && entries[from][0].length === depth) {
        this.nodes[3 * node + 2] = entries[from][1];
        from++;
      }
      if (from === to) continue;
      // The ranges of entries with the same unit here
      const starts: number[] = [];
      const codes: number[] = [];
      let before = -1;
      for (let i = from; i < to; i++) {
        const unit = entries[i][0].charCodeAt(depth);
        if (unit !== before) {
          starts.push(i);
          codes.push(this.codes[unit]);
          before = unit;
        }
      }
      const base = this.#place(node, codes);
      starts.push(to);
      for (let i = codes.length - 1; i >= 0; i--) {
        pending.push({ node: base + codes[i], from: starts[i], to: starts[i + 1], depth: depth + 1 });
      }
    }
  }

  // Gives a node a base under which the places of all its children are free, and takes them.
  #place(node: number, codes: readonly number[]): number {
    let base = -1;
    let tries = codes.length === 1 ? Number.POSITIVE_INFINITY : TRIES;
    for (let place = this.#next[0]; place !== 0 && tries > 0; place = this.#next[place], tries--) {
      const candidate = place - codes[0];
      if (candidate >= 0 && this.#isFree(candidate, codes)) {
        base = candidate;
        break;
      }
    }
    if (base < 0) {
      base = this.#size;
      this.#grow(this.#size + this.#largestCode + 1);
    }
    // A base may be looked up with any code
    if (base + this.#largestCode >= this.#size) this.#grow(base + this.#largestCode + 1);
    this.nodes[3 * node] = base;
    for (const code of codes) {
      const child = base + code;
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
