// chrF (Popović 2015) and chrF++ (Popović 2017) as sacreBLEU 2.6.0 computes them (sacrebleu/metrics/chrf.py):
// n-grams of characters and, for chrF++, of words; of several references the one with the best F score counts.

import { type Arithmetic, PYTHON_FLOATS } from "./arithmetic.js";
import { checkInteger, refuse } from "./check.js";
import { NgramCounter, ngramTotal, WordNumbers } from "./ngram-counter.js";
import { codePointLength, isPythonSpace, splitWords } from "./python-text.js";
import {
  type BootstrapOptions,
  type Confidence,
  checkFlags,
  describe,
  type ReferenceSet,
  referencesOfOne,
  type TranslationMetric,
  yesNo,
} from "./translation.js";

/** Options of chrF; the defaults are sacreBLEU's. */
export interface ChrfOptions {
  /** Longest character n-grams, 1 to 32; default 6. */
  charOrder?: number;
  /** Longest word n-grams, 0 to 32; default 0, for chrF++ 2. */
  wordOrder?: number;
  /** How many times recall weighs what precision does; default 2. */
  beta?: number;
  /** Lower-cases both sides. Default false. */
  lowercase?: boolean;
  /** Counts white space as characters. Default false. */
  whitespace?: boolean;
  /** Averages F over all orders with a tiny epsilon for missing ones, as chrF++.py, Moses and NLTK do. */
  epsSmoothing?: boolean;
}

/** A chrF score. */
export interface ChrfScore {
  /** 0 to 100. */
  score: number;
  /** As sacreBLEU names the variant: "chrF2", "chrF2++". */
  name: string;
  /** How the score was made, as sacreBLEU writes it. */
  signature: string;
  /** When `bootstrap` was asked for. */
  confidence?: Confidence;
}

const EPSILON = 1e-16;
const ASCII_PUNCTUATION = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

/**
 * chrF of a corpus (chrF++ with `wordOrder: 2`), equal to sacreBLEU's `CHRF(...).corpus_score`. References,
 * memory and errors as in `bleu`.
 *
 * @example
 * chrf(["der Hund"], [["ein Hund"]]).score; // 31.07
 */
export function chrf(
  hypotheses: readonly string[],
  references: readonly ReferenceSet[],
  options: ChrfOptions & BootstrapOptions = {},
): ChrfScore {
  const metric = new Chrf("chrf", options);
  const { sums, ...about } = describe(metric, hypotheses, references, options);
  return { score: metric.score(sums, PYTHON_FLOATS), name: metric.name, ...about };
}

/**
 * chrF of one sentence; of several references the best counts.
 *
 * @example
 * sentenceChrf("ein Hund", ["ein Hund", "der Hund"]).score; // 100
 */
export function sentenceChrf(
  hypothesis: string,
  references: readonly string[],
  options: ChrfOptions = {},
): ChrfScore {
  const metric = new Chrf("sentenceChrf", options);
  const { sums, signature } = describe(metric, [hypothesis], referencesOfOne(metric.who, references), {});
  return { score: metric.score(sums, PYTHON_FLOATS), name: metric.name, signature };
}

// One side of a comparison: its characters and words as numbers
interface Side {
  characters: Int32Array;
  words: Int32Array;
}

/** chrF as a metric whose sentences can be resampled. Statistics: per order, hypothesis, reference and matches. */
export class Chrf implements TranslationMetric {
  readonly who: string;
  readonly name: string;
  readonly width: number;
  readonly options: string;
  readonly #charOrder: number;
  readonly #wordOrder: number;
  readonly #factor: number;
  readonly #lowercase: boolean;
  readonly #whitespace: boolean;
  readonly #epsSmoothing: boolean;
  readonly #characters: NgramCounter;
  readonly #wordNgrams: NgramCounter;
  readonly #words = new WordNumbers();

  constructor(who: string, options: ChrfOptions) {
    const { charOrder = 6, wordOrder = 0, beta = 2 } = options;
    const { lowercase = false, whitespace = false, epsSmoothing = false } = options;
    checkInteger(who, "charOrder", charOrder, 1, 32);
    checkInteger(who, "wordOrder", wordOrder, 0, 32);
    checkFlags(who, { lowercase, whitespace, epsSmoothing });
    if (!Number.isFinite(beta) || beta < 0) refuse(who, "beta must be a number of at least 0", beta);
    this.who = who;
    this.name = `chrF${beta}${"+".repeat(wordOrder)}`;
    this.width = 3 * (charOrder + wordOrder);
    this.#charOrder = charOrder;
    this.#wordOrder = wordOrder;
    this.#factor = beta ** 2;
    this.#lowercase = lowercase;
    this.#whitespace = whitespace;
    this.#epsSmoothing = epsSmoothing;
    this.#characters = new NgramCounter(charOrder);
    this.#wordNgrams = new NgramCounter(wordOrder);
    const letters = lowercase ? "lc" : "mixed";
    const orders = `nc:${charOrder}|nw:${wordOrder}`;
    this.options = `case:${letters}|eff:${yesNo(!epsSmoothing)}|${orders}|space:${yesNo(whitespace)}`;
  }

  measure(hypothesis: string, references: readonly string[], row: Float64Array): void {
    this.#words.begin();
    const own = this.#side(hypothesis);
    const candidate = references.length === 1 ? row : new Float64Array(this.width);
    let best = -1;
    for (const reference of references) {
      this.#compare(own, this.#side(reference), candidate);
      if (references.length === 1) return;
      const score = this.score(candidate, PYTHON_FLOATS);
      if (score <= best) continue;
      best = score;
      row.set(candidate);
    }
  }

  score(sums: Float64Array, { round }: Arithmetic): number {
    const factor = this.#factor;
    let eachOrder = 0;
    let precisions = 0;
    let recalls = 0;
    let orders = 0;
    for (let at = 0; at < sums.length; at += 3) {
      const [own, other, matched] = [sums[at], sums[at + 1], sums[at + 2]];
      const precision = own > 0 ? round(matched / own) : EPSILON;
      const recall = other > 0 ? round(matched / other) : EPSILON;
      const below = round(round(factor * precision) + recall);
      const above = round(round((1 + factor) * precision) * recall);
      eachOrder = round(eachOrder + (below > 0 ? round(above / below) : EPSILON));
      if (own === 0 || other === 0) continue;
      precisions = round(precisions + precision);
      recalls = round(recalls + recall);
      orders++;
    }
    if (this.#epsSmoothing) return round(round(100 * eachOrder) / (sums.length / 3));
    if (orders === 0 || precisions + recalls === 0) return 0;
    const precision = round(precisions / orders);
    const recall = round(recalls / orders);
    const above = round(round((1 + factor) * precision) * recall);
    return round(100 * round(above / round(round(factor * precision) + recall)));
  }

  /** The reference answers with a Python float where nothing matched or nothing was there to match. */
  isDouble(sums: Float64Array): boolean {
    for (let at = 0; at < sums.length; at += 3) {
      const counted = this.#epsSmoothing ? sums[at] > 0 || sums[at + 1] > 0 : sums[at + 2] > 0;
      if (counted) return false;
    }
    return true;
  }

  #compare(own: Side, other: Side, row: Float64Array): void {
    const kinds: [NgramCounter, Int32Array, Int32Array, number, number][] = [
      [this.#characters, own.characters, other.characters, 0, this.#charOrder],
      [this.#wordNgrams, own.words, other.words, this.#charOrder, this.#wordOrder],
    ];
    for (const [counter, ours, theirs, first, order] of kinds) {
      if (order === 0) continue;
      const matches = new Array<number>(order).fill(0);
      counter.begin(theirs.length);
      counter.addReference(theirs, theirs.length);
      counter.countMatches(ours, ours.length, matches);
      for (let n = 1; n <= order; n++) {
        const at = 3 * (first + n - 1);
        row[at + 1] = ngramTotal(theirs.length, n);
        // Orders that the reference is too short for count nothing on either side
        row[at] = row[at + 1] > 0 ? ngramTotal(ours.length, n) : 0;
        row[at + 2] = matches[n - 1];
      }
    }
  }

  #side(text: string): Side {
    const cased = this.#lowercase ? text.toLowerCase() : text;
    const words = this.#wordOrder === 0 ? [] : separatePunctuation(cased);
    return { characters: codePoints(cased, this.#whitespace), words: this.#words.number(words) };
  }
}

function codePoints(text: string, whitespace: boolean): Int32Array {
  const points = new Int32Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (!whitespace && isPythonSpace(unit)) continue;
    const point = (unit & 0xfc00) === 0xd800 ? text.codePointAt(i)! : unit;
    if (point > 0xffff) i++;
    points[length++] = point;
  }
  return points.subarray(0, length);
}

/** Words with one ASCII punctuation mark taken off the end or, failing that, the start: "(hi)" is "(hi" and ")". */
function separatePunctuation(text: string): string[] {
  const words: string[] = [];
  for (const word of splitWords(text)) {
    if (codePointLength(word) === 1) words.push(word);
    else if (ASCII_PUNCTUATION.has(word.at(-1)!)) words.push(word.slice(0, -1), word.at(-1)!);
    else if (ASCII_PUNCTUATION.has(word[0])) words.push(word[0], word.slice(1));
    else words.push(word);
  }
  return words;
}
