// Byte-pair encoding, learned (Sennrich et al. 2016): words start as characters, and again and again the most
// frequent pair of neighbours becomes one symbol. Counts are kept up to date word by word, and candidates
// wait in a heap with counts that may be out of date: these are corrected when they come up. Of pairs as
// frequent as each other that with the lower ids is first. Source: tokenizers 0.23.2, models/bpe/trainer.rs,
// which this follows to the order of merges.

import { Heap } from "../heap.js";
import type { Pace } from "./pace.js";

/** Words as symbols, and what to make of them. */
export interface MergeTask {
  /** Symbols by id; grows. */
  symbols: string[];
  /** Id of each word's characters. */
  words: Int32Array[];
  counts: readonly number[];
  /** So many symbols are wanted. */
  vocabSize: number;
  minFrequency: number;
  /** Taken off the second part when two are joined. */
  continuingSubwordPrefix: string;
  /** Most characters of a symbol. */
  maxTokenLength: number;
}

interface Candidate {
  left: number;
  right: number;
  count: number;
  /** The words in which the pair occurs (or has occurred). */
  words: number[];
}

// Pairs as one number: ids are below 2^26.
const SHIFT = 2 ** 26;

/** Learns merges; `task.symbols` grows by what they make. */
export class PairMerges {
  /** Pairs of ids, in order. */
  readonly merges: [number, number][] = [];
  readonly #task: MergeTask;
  readonly #ids: Map<string, number>;
  readonly #lengths: number[];
  readonly #pairCounts = new Map<number, number>();
  readonly #places = new Map<number, number[]>();
  readonly #heap = new Heap<Candidate>(isBefore);

  constructor(task: MergeTask) {
    this.#task = task;
    this.#ids = new Map(task.symbols.map((symbol, id) => [symbol, id]));
    this.#lengths = task.symbols.map(() => 1);
  }

  async run(pace: Pace): Promise<void> {
    const { words, counts, symbols, vocabSize, minFrequency } = this.#task;
    for (let word = 0; word < words.length; word++) {
      for (let i = 1; i < words[word].length; i++)
        this.#add(words[word][i - 1], words[word][i], counts[word], word);
      if (pace.isDue()) await pace.rest("count pairs", word, words.length);
    }
    pace.finish("count pairs", words.length);
    await this.#queueNew(pace);
    while (symbols.length < vocabSize) {
      const top = this.#heap.pop();
      if (top === undefined) break;
      const current = this.#pairCounts.get(top.left * SHIFT + top.right)!;
      if (current !== top.count) {
        top.count = current;
        this.#heap.push(top);
        continue;
      }
      if (top.count < 1 || top.count < minFrequency) break;
      await this.#merge(top, pace);
    }
    pace.finish("merge pairs", symbols.length);
  }

  async #merge({ left, right, words: places }: Candidate, pace: Pace): Promise<void> {
    const { symbols, words, counts, vocabSize } = this.#task;
    const joined = this.#join(left, right);
    this.merges.push([left, right]);
    for (const word of places) {
      words[word] = this.#mergeWord(words[word], left, right, joined, counts[word], word);
      if (pace.isDue()) await pace.rest("merge pairs", symbols.length, vocabSize);
    }
    await this.#queueNew(pace);
  }

  // The id of the symbol that two make.
  #join(left: number, right: number): number {
    const { symbols, continuingSubwordPrefix: prefix } = this.#task;
    const second = symbols[right];
    const text =
      symbols[left] + (prefix !== "" && second.startsWith(prefix) ? second.slice(prefix.length) : second);
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = symbols.length;
      symbols.push(text);
      this.#ids.set(text, id);
      this.#lengths.push(this.#lengths[left] + this.#lengths[right]);
    }
    return id;
  }

  #mergeWord(
    symbols: Int32Array,
    left: number,
    right: number,
    joined: number,
    count: number,
    word: number,
  ): Int32Array {
    const { maxTokenLength } = this.#task;
    const lengths = this.#lengths;
    let kept = 0;
    for (let i = 0; i < symbols.length; i++) {
      if (symbols[i] !== left || symbols[i + 1] !== right) {
        symbols[kept++] = symbols[i];
        continue;
      }
      if (kept > 0) {
        const before = symbols[kept - 1];
        this.#change(before, left, -count);
        if (lengths[before] + lengths[joined] < maxTokenLength) this.#add(before, joined, count, word);
      }
      if (i + 2 < symbols.length) {
        const after = symbols[i + 2];
        this.#change(right, after, -count);
        if (lengths[after] + lengths[joined] < maxTokenLength) this.#add(joined, after, count, word);
      }
      symbols[kept++] = joined;
      i++;
    }
    return symbols.subarray(0, kept);
  }

  #change(left: number, right: number, by: number): void {
    const pair = left * SHIFT + right;
    this.#pairCounts.set(pair, (this.#pairCounts.get(pair) ?? 0) + by);
  }

  #add(left: number, right: number, count: number, word: number): void {
    const pair = left * SHIFT + right;
    this.#pairCounts.set(pair, (this.#pairCounts.get(pair) ?? 0) + count);
    const places = this.#places.get(pair);
    if (places === undefined) this.#places.set(pair, [word]);
    else if (places[places.length - 1] !== word) places.push(word);
  }

  // Candidates for the pairs that have come up since the last time.
  async #queueNew(pace: Pace): Promise<void> {
    for (const [pair, words] of this.#places) {
      if (pace.isDue()) await pace.rest("merge pairs", this.#task.symbols.length, this.#task.vocabSize);
      const count = this.#pairCounts.get(pair)!;
      if (count > 0) this.#heap.push({ left: Math.floor(pair / SHIFT), right: pair % SHIFT, count, words });
    }
    this.#places.clear();
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}
