// Counts of n-grams shared by a hypothesis and its references, by a trie: the node of an n-gram is the child of
// its prefix's node. A hypothesis n-gram can only match when its prefix does, so the walk stops at the first miss
// and nothing of the hypothesis is ever stored. Nodes live in one open-addressing table of typed arrays that is
// reused from sentence to sentence; no string is made for an n-gram, which is where the speed comes from.

const NONE = -1;

/** Clipped n-gram matches of one sentence at a time. Tokens are numbers, equal when the tokens are equal. */
export class NgramCounter {
  readonly #order: number;
  #mask = 0;
  // The table: (parent node, token) -> node. A slot is in use when its stamp is the current sentence's.
  #stamp = new Int32Array(0);
  #parent = new Int32Array(0);
  #token = new Int32Array(0);
  #node = new Int32Array(0);
  // Per node: most often in any reference; how often in the reference numbered `#seenIn`; matched so far.
  #most = new Int32Array(0);
  #count = new Int32Array(0);
  #seenIn = new Int32Array(0);
  #matched = new Int32Array(0);
  #nodes = 0;
  #sentence = 0;
  #reference = 0;

  constructor(order: number) {
    this.#order = order;
  }

  /** Forgets the last sentence's references. `tokens` is the sum of the lengths of the references to come. */
  begin(tokens: number): void {
    const nodes = tokens * this.#order + 1;
    if (nodes > this.#most.length) this.#grow(nodes);
    this.#sentence++;
    this.#reference = 0;
    this.#nodes = 1; // node 0 is the root
  }

  /** Adds one reference: an n-gram counts as often as the reference that has it most often. */
  addReference(tokens: Int32Array, length: number): void {
    const reference = ++this.#reference;
    for (let start = 0; start < length; start++) {
      const end = Math.min(length, start + this.#order);
      let node = 0;
      for (let i = start; i < end; i++) {
        node = this.#child(node, tokens[i], true);
        if (this.#seenIn[node] !== reference) {
          this.#seenIn[node] = reference;
          this.#count[node] = 0;
        }
        const count = ++this.#count[node];
        if (count > this.#most[node]) this.#most[node] = count;
      }
    }
  }

  /** Adds to `matches[n - 1]` how many n-grams of the hypothesis the references have, each clipped to its count. */
  countMatches(tokens: Int32Array, length: number, matches: number[]): void {
    for (let start = 0; start < length; start++) {
      const end = Math.min(length, start + this.#order);
      let node = 0;
      for (let i = start; i < end; i++) {
        node = this.#child(node, tokens[i], false);
        if (node === NONE) break;
        if (this.#matched[node] < this.#most[node]) {
          this.#matched[node]++;
          matches[i - start]++;
        }
      }
    }
  }

  #child(parent: number, token: number, create: boolean): number {
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(token, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & this.#mask;
    while (this.#stamp[slot] === this.#sentence) {
      if (this.#parent[slot] === parent && this.#token[slot] === token) return this.#node[slot];
      slot = (slot + 1) & this.#mask;
    }
    if (!create) return NONE;
    const node = this.#nodes++;
    this.#stamp[slot] = this.#sentence;
    this.#parent[slot] = parent;
    this.#token[slot] = token;
    this.#node[slot] = node;
    this.#most[node] = 0;
    this.#seenIn[node] = 0;
    this.#matched[node] = 0;
    return node;
  }

  #grow(nodes: number): void {
    const slots = 2 ** Math.ceil(Math.log2(2 * nodes));
    this.#mask = slots - 1;
    this.#stamp = new Int32Array(slots);
    this.#parent = new Int32Array(slots);
    this.#token = new Int32Array(slots);
    this.#node = new Int32Array(slots);
    this.#most = new Int32Array(nodes);
    this.#count = new Int32Array(nodes);
    this.#seenIn = new Int32Array(nodes);
    this.#matched = new Int32Array(nodes);
  }
}

/** How many n-grams a text of `length` tokens has. */
export function ngramTotal(length: number, n: number): number {
  return Math.max(0, length - n + 1);
}

/** Numbers for words, equal when the words are; the numbers mean nothing beyond one sentence. */
export class WordNumbers {
  readonly #numbers = new Map<string, number>();

  /** Keeps what is known, as words recur, but not without end. */
  begin(): void {
    if (this.#numbers.size > 1 << 16) this.#numbers.clear();
  }

  number(words: readonly string[]): Int32Array {
    const numbers = new Int32Array(words.length);
    for (let i = 0; i < words.length; i++) {
      let number = this.#numbers.get(words[i]);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(words[i], number);
      }
      numbers[i] = number;
    }
    return numbers;
  }
}
