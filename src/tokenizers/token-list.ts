// Growable lists of spans (words) and of tokens: the scratch between pre-tokenizer, model and post-processor.

// Scratch above this many entries is given back after use.
const KEEP = 1 << 19;

/** Growable list of `[start, end)` pairs, flat in `values`. */
export class Spans {
  values = new Int32Array(512);
  length = 0;

  clear(): void {
    this.length = 0;
    if (this.values.length > KEEP) this.values = new Int32Array(512);
  }

  push(start: number, end: number): void {
    if (this.length + 2 > this.values.length) this.values = resized(this.values, 2 * this.values.length);
    this.values[this.length] = start;
    this.values[this.length + 1] = end;
    this.length += 2;
  }
}

/** Characters of white space before and after an added token that belong to it. */
export type Blanks = readonly [before: number, after: number];

/** Growable list of tokens: id, span in the original text, number of the word it belongs to. */
export class TokenList {
  ids = new Int32Array(256);
  starts = new Int32Array(256);
  ends = new Int32Array(256);
  words = new Int32Array(256);
  length = 0;
  /** For added tokens that took white space along: how much of it, by their place in the list. */
  readonly blanks = new Map<number, Blanks>();
  /** For unknown tokens that are shown as the text they stand for: that text, by their place in the list. */
  readonly texts = new Map<number, string>();

  clear(): void {
    this.length = 0;
    this.blanks.clear();
    this.texts.clear();
    if (this.ids.length > KEEP) this.#resize(256);
  }

  push(id: number, start: number, end: number, word: number): void {
    const at = this.length;
    if (at === this.ids.length) this.#resize(2 * at);
    this.ids[at] = id;
    this.starts[at] = start;
    this.ends[at] = end;
    this.words[at] = word;
    this.length = at + 1;
  }

  /** As `push`, for an added token. */
  pushAdded(id: number, start: number, end: number, word: number, blanks: Blanks): void {
    if (blanks[0] > 0 || blanks[1] > 0) this.blanks.set(this.length, blanks);
    this.push(id, start, end, word);
  }

  /** As `push`, for an unknown token that is to be shown as its text. */
  pushText(id: number, start: number, end: number, word: number, text: string): void {
    this.texts.set(this.length, text);
    this.push(id, start, end, word);
  }

  /** The tokens of the fewest words, from the side that stays, that have `limit` tokens; or of all words. */
  lengthOfWords(limit: number, removed: "left" | "right"): number {
    if (this.length <= limit) return this.length;
    const { words } = this;
    let count = limit;
    if (removed === "right") {
      while (count < this.length && words[count] === words[count - 1]) count++;
    } else {
      while (count < this.length && words[this.length - count] === words[this.length - count - 1]) count++;
    }
    return count;
  }

  #resize(capacity: number): void {
    this.ids = resized(this.ids, capacity);
    this.starts = resized(this.starts, capacity);
    this.ends = resized(this.ends, capacity);
    this.words = resized(this.words, capacity);
  }
}

function resized(values: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(capacity);
  copy.set(values.subarray(0, capacity));
  return copy;
}
