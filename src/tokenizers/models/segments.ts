// The tokens of one word, with spans in code units from the start of the word, and a bounded memory of words.

import type { NormalizedText } from "../normalized-text.js";
import type { TokenList } from "../token-list.js";

/** Growable list of the tokens of a word. */
export class Segments {
  ids = new Int32Array(64);
  starts = new Int32Array(64);
  ends = new Int32Array(64);
  length = 0;

  push(id: number, start: number, end: number): void {
    const at = this.length;
    if (at === this.ids.length) this.#grow();
    this.ids[at] = id;
    this.starts[at] = start;
    this.ends[at] = end;
    this.length = at + 1;
  }

  /** Empties the list, and gives memory back that a very long word took. */
  clear(): void {
    this.length = 0;
    if (this.ids.length > 1 << 16) {
      this.ids = new Int32Array(64);
      this.starts = new Int32Array(64);
      this.ends = new Int32Array(64);
    }
  }

  /** Appends the tokens to `out`, for the word that begins at `from`. */
  emit(text: NormalizedText, from: number, word: number, out: TokenList): void {
    for (let i = 0; i < this.length; i++) {
      out.push(this.ids[i], text.starts[from + this.starts[i]], text.ends[from + this.ends[i] - 1], word);
    }
  }

  #grow(): void {
    const { ids, starts, ends } = this;
    this.ids = new Int32Array(2 * ids.length);
    this.starts = new Int32Array(2 * ids.length);
    this.ends = new Int32Array(2 * ids.length);
    this.ids.set(ids);
    this.starts.set(starts);
    this.ends.set(ends);
  }
}

// Words of natural text are short; longer ones hardly come back.
const LONGEST = 64;
const WORDS = 1 << 16;
const SLOTS = 2 * WORDS;
const UNITS = 16 * WORDS;
const TOKENS = 8 * WORDS;

/**
 * Remembers the tokens of up to 65,536 words, 7 MB. When it is full it starts anew, so that no text can make
 * it grow, and a text of another kind soon has its own words in it.
 */
export class WordCache {
  // For each slot: number of the word plus 1; 0 is free
  readonly #slots = new Int32Array(SLOTS);
  // For each word: hash, start and end of its units, start of its tokens
  #hashes = new Int32Array(1024);
  #unitStarts = new Int32Array(1025);
  #tokenStarts = new Int32Array(1025);
  #words = 0;
  #units = new Uint16Array(16 * 1024);
  // Three numbers per token: id, start, end
  #tokens = new Int32Array(3 * 8 * 1024);

  /** Appends the tokens of the word `text[from, to)` to `out`, if they are known; whether they are. */
  recall(text: NormalizedText, from: number, to: number, word: number, out: TokenList): boolean {
    if (to - from > LONGEST) return false;
    const { units, starts, ends } = text;
    const known = this.#find(units, from, to, hashOf(units, from, to));
    if (known < 0) return false;
    const tokens = this.#tokens;
    const last = this.#tokenStarts[known + 1];
    for (let i = this.#tokenStarts[known]; i < last; i += 3) {
      out.push(tokens[i], starts[from + tokens[i + 1]], ends[from + tokens[i + 2] - 1], word);
    }
    return true;
  }

  /** Remembers the tokens of a word that is not known. */
  remember(units: Uint16Array, from: number, to: number, segments: Segments): void {
    if (to - from > LONGEST) return;
    const usedUnits = this.#unitStarts[this.#words];
    const usedTokens = this.#tokenStarts[this.#words];
    if (
      this.#words === WORDS ||
      usedUnits + to - from > UNITS ||
      usedTokens + 3 * segments.length > 3 * TOKENS
    ) {
      this.#forget();
      this.remember(units, from, to, segments);
      return;
    }
    this.#reserve(usedUnits + to - from, usedTokens + 3 * segments.length);
    const word = this.#words++;
    this.#units.set(units.subarray(from, to), usedUnits);
    let at = usedTokens;
    for (let i = 0; i < segments.length; i++) {
      this.#tokens[at++] = segments.ids[i];
      this.#tokens[at++] = segments.starts[i];
      this.#tokens[at++] = segments.ends[i];
    }
    this.#unitStarts[word + 1] = usedUnits + to - from;
    this.#tokenStarts[word + 1] = at;
    const hash = hashOf(units, from, to);
    this.#hashes[word] = hash;
    let slot = hash & (SLOTS - 1);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    this.#slots[slot] = word + 1;
  }

  // The number of a word, or -1.
  #find(units: Uint16Array, from: number, to: number, hash: number): number {
    const slots = this.#slots;
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const word = slots[slot] - 1;
      if (word < 0) return -1;
      if (this.#hashes[word] === hash && this.#isSame(word, units, from, to)) return word;
    }
  }

  #isSame(word: number, units: Uint16Array, from: number, to: number): boolean {
    const start = this.#unitStarts[word];
    if (this.#unitStarts[word + 1] - start !== to - from) return false;
    for (let i = from, j = start; i < to; i++, j++) if (units[i] !== this.#units[j]) return false;
    return true;
  }

  #forget(): void {
    this.#slots.fill(0);
    this.#words = 0;
  }

  #reserve(units: number, tokens: number): void {
    if (this.#words === this.#hashes.length) {
      const size = 2 * this.#hashes.length;
      this.#hashes = enlarged(this.#hashes, size);
      this.#unitStarts = enlarged(this.#unitStarts, size + 1);
      this.#tokenStarts = enlarged(this.#tokenStarts, size + 1);
    }
    if (tokens > this.#tokens.length) this.#tokens = enlarged(this.#tokens, 2 * this.#tokens.length);
    if (units > this.#units.length) {
      const old = this.#units;
      this.#units = new Uint16Array(2 * old.length);
      this.#units.set(old);
    }
  }
}

function enlarged(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(values);
  return copy;
}

function hashOf(units: Uint16Array, from: number, to: number): number {
  let hash = to - from;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ units[i], 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 13);
}
