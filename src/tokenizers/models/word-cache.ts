// Tokens of words seen before: text repeats itself, and finding a word costs less than segmenting it. All in
// typed arrays, since a string per word would cost more than it saves; bounded, and emptied as a whole when it is
// full.

const SLOTS = 1 << 16; // a power of two
const MOST_WORDS = SLOTS / 2;
const MOST_UNITS = 1 << 19;
const MOST_TOKENS = 1 << 18;
// Longer words are rarely met again.
const LONGEST = 32;

/** Maps code units of a word to its tokens. */
export class WordCache {
  // For each slot a number of a word, from 1; 0: free
  readonly #slots = new Int32Array(SLOTS);
  // Three numbers per word: hash, first unit, first token. Those of the next word say where this one ends.
  readonly #words = new Int32Array(3 * (MOST_WORDS + 1));
  readonly #units = new Uint16Array(MOST_UNITS + LONGEST);
  #count = 0;
  #unitCount = 0;
  #tokenCount = 0;
  #hash = 0;
  /** Ids and ends (in units from the start of the word) of tokens; `find` says where those of a word are. */
  readonly ids = new Int32Array(MOST_TOKENS + LONGEST);
  readonly ends = new Uint8Array(MOST_TOKENS + LONGEST);
  /** The tokens of the word that `find` found: [first, last). */
  first = 0;
  last = 0;

  /** Looks a word up. */
  find(units: Uint16Array, from: number, to: number): boolean {
    const length = to - from;
    if (length > LONGEST) return false;
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ units[i], 0x9e3779b1);
    hash ^= hash >>> 15;
    this.#hash = hash;
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const word = this.#slots[slot];
      if (word === 0) return false;
      const at = 3 * (word - 1);
      if (this.#words[at] !== hash || this.#words[at + 4] - this.#words[at + 1] !== length) continue;
      if (!this.#equals(this.#words[at + 1], units, from, length)) continue;
      this.first = this.#words[at + 2];
      this.last = this.#words[at + 5];
      return true;
    }
  }

  /**
   * Makes room for the tokens of the word that `find` has just not found: `ids` and `ends` are to be filled
   * from the place that is returned. -1: this word is not kept.
   */
  add(units: Uint16Array, from: number, to: number, tokens: number): number {
    const length = to - from;
    if (length > LONGEST || tokens > LONGEST) return -1;
    const full =
      this.#count === MOST_WORDS ||
      this.#unitCount + length > MOST_UNITS ||
      this.#tokenCount + tokens > MOST_TOKENS;
    if (full) this.#clear();
    let slot = this.#hash & (SLOTS - 1);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    const at = 3 * this.#count;
    const first = this.#tokenCount;
    this.#words[at] = this.#hash;
    this.#words[at + 1] = this.#unitCount;
    this.#words[at + 2] = first;
    for (let i = 0; i < length; i++) this.#units[this.#unitCount + i] = units[from + i];
    this.#unitCount += length;
    this.#tokenCount += tokens;
    this.#words[at + 4] = this.#unitCount;
    this.#words[at + 5] = this.#tokenCount;
    this.#slots[slot] = ++this.#count;
    return first;
  }

  #equals(at: number, units: Uint16Array, from: number, length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#units[at + i] !== units[from + i]) return false;
    return true;
  }

  #clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.#unitCount = 0;
    this.#tokenCount = 0;
  }
}
