// BLEU (Papineni et al. 2002) as sacreBLEU 2.6.0 computes it (sacrebleu/metrics/bleu.py): clipped n-gram counts
// summed over the corpus, smoothing after Chen and Cherry 2014, and the brevity penalty against the closest
// reference length.

import { type Arithmetic, PYTHON_FLOATS } from "./arithmetic.js";
import { type BleuTokenizer, bleuTokenizer } from "./bleu-tokenizers.js";
import { checkChoice, checkInteger, refuse } from "./check.js";
import { NgramCounter, ngramTotal, WordNumbers } from "./ngram-counter.js";
import { formatFixed, splitWords, stripEnd } from "./python-text.js";
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

/** How a precision of zero is smoothed: Chen and Cherry's methods 1 (floor), 2 (add-k), 3 (exp), or not at all. */
export type BleuSmoothing = "exp" | "floor" | "add-k" | "none";

/** Options of BLEU; the defaults are sacreBLEU's. */
export interface BleuOptions {
  /** Default "13a". Chinese wants "zh". */
  tokenize?: BleuTokenizer;
  /** Default "exp". */
  smooth?: BleuSmoothing;
  /** For floor (default 0.1) and add-k (default 1). */
  smoothValue?: number;
  /** Lower-cases both sides. Default false. */
  lowercase?: boolean;
  /** Leaves out the orders that the hypotheses are too short for. Default false, for one sentence true. */
  effectiveOrder?: boolean;
  /** The longest n-grams that count, 1 to 16; default 4. */
  maxNgramOrder?: number;
}

/** A BLEU score and all that it was made of. */
export interface BleuScore {
  /** 0 to 100. */
  score: number;
  /** Matched n-grams by order, clipped; with add-k as smoothed. */
  counts: number[];
  /** N-grams of the hypotheses by order; with add-k as smoothed. */
  totals: number[];
  /** Percentages, smoothed. */
  precisions: number[];
  /** Brevity penalty, 0 to 1. */
  bp: number;
  /** Words in the hypotheses. */
  sysLen: number;
  /** Words in the references, of each sentence the closest in length. */
  refLen: number;
  /** How the score was made, as sacreBLEU writes it. */
  signature: string;
  /** When `bootstrap` was asked for. */
  confidence?: Confidence;
}

const SMOOTHING = ["exp", "floor", "add-k", "none"] as const;
const DEFAULT_SMOOTH_VALUES: Partial<Record<BleuSmoothing, number>> = { floor: 0.1, "add-k": 1 };
const LOG_OF_ZERO = -9999999999; // what the reference takes for log 0

/**
 * BLEU of a corpus, equal to sacreBLEU's `BLEU(...).corpus_score`.
 *
 * `references` holds one array per reference set, each with one text (or null: none) per hypothesis. Time and
 * memory are linear. Throws ERR_ARGUMENT for an empty corpus, sets of other lengths, a sentence without reference
 * (sacreBLEU crashes or cuts short), bad options, and tokenizers that need a dictionary, such as "ja-mecab".
 *
 * @example
 * bleu(["the cat sat on the mat"], [["the cat sat on a mat"]]).score; // 53.73
 */
export function bleu(
  hypotheses: readonly string[],
  references: readonly ReferenceSet[],
  options: BleuOptions & BootstrapOptions = {},
): BleuScore {
  const metric = new Bleu("bleu", options);
  const { sums, ...about } = describe(metric, hypotheses, references, options);
  return { ...metric.parts(sums, PYTHON_FLOATS), ...about };
}

/**
 * BLEU of one sentence against one or more references, as `sacrebleu.sentence_bleu`: `effectiveOrder` is on
 * unless it is set.
 *
 * @example
 * sentenceBleu("the cat", ["the cat sat"]).score; // 60.65
 */
export function sentenceBleu(
  hypothesis: string,
  references: readonly string[],
  options: BleuOptions = {},
): BleuScore {
  const metric = new Bleu("sentenceBleu", { effectiveOrder: true, ...options });
  const { sums, signature } = describe(metric, [hypothesis], referencesOfOne(metric.who, references), {});
  return { ...metric.parts(sums, PYTHON_FLOATS), signature };
}

/** BLEU as a metric whose sentences can be resampled. Statistics: lengths, then counts, then totals by order. */
export class Bleu implements TranslationMetric {
  readonly who: string;
  readonly width: number;
  readonly options: string;
  readonly #tokenize: (line: string) => string;
  readonly #smooth: BleuSmoothing;
  readonly #smoothValue: number;
  readonly #lowercase: boolean;
  readonly #effectiveOrder: boolean;
  readonly #order: number;
  readonly #counter: NgramCounter;
  readonly #words = new WordNumbers();

  constructor(who: string, options: BleuOptions) {
    const { tokenize = "13a", smooth = "exp", lowercase = false, effectiveOrder = false } = options;
    const { maxNgramOrder = 4, smoothValue = DEFAULT_SMOOTH_VALUES[smooth] ?? 0 } = options;
    checkChoice(who, "smooth", smooth, SMOOTHING);
    checkFlags(who, { lowercase, effectiveOrder });
    checkInteger(who, "maxNgramOrder", maxNgramOrder, 1, 16);
    if (!Number.isFinite(smoothValue) || smoothValue < 0) {
      refuse(who, "smoothValue must be a number of at least 0", smoothValue);
    }
    this.who = who;
    this.width = 2 + 2 * maxNgramOrder;
    this.#tokenize = bleuTokenizer(who, tokenize);
    this.#smooth = smooth;
    this.#smoothValue = smoothValue;
    this.#lowercase = lowercase;
    this.#effectiveOrder = effectiveOrder;
    this.#order = maxNgramOrder;
    this.#counter = new NgramCounter(maxNgramOrder);
    const valued = smooth in DEFAULT_SMOOTH_VALUES ? `${smooth}[${formatFixed(smoothValue, 2)}]` : smooth;
    const letters = lowercase ? "lc" : "mixed";
    this.options = `case:${letters}|eff:${yesNo(effectiveOrder)}|tok:${tokenize}|smooth:${valued}`;
  }

  measure(hypothesis: string, references: readonly string[], row: Float64Array): void {
    this.#words.begin();
    const words = this.#numbers(hypothesis);
    const others = references.map((reference) => this.#numbers(reference));
    const matches = new Array<number>(this.#order).fill(0);
    this.#counter.begin(others.reduce((sum, other) => sum + other.length, 0));
    for (const other of others) this.#counter.addReference(other, other.length);
    this.#counter.countMatches(words, words.length, matches);
    row[0] = words.length;
    row[1] = closest(words.length, others);
    for (let n = 1; n <= this.#order; n++) {
      row[1 + n] = matches[n - 1];
      row[1 + n + this.#order] = ngramTotal(words.length, n);
    }
  }

  score(sums: Float64Array, arithmetic: Arithmetic): number {
    return this.parts(sums, arithmetic).score;
  }

  /** The reference's score passes through `math.exp`, which gives a Python float. */
  isDouble(): boolean {
    return true;
  }

  /** Precisions, penalty and score from summed statistics (`BLEU.compute_bleu`). */
  parts(sums: Float64Array, arithmetic: Arithmetic): Omit<BleuScore, "signature"> {
    const order = this.#order;
    const [sysLen, refLen] = sums;
    const counts = Array.from(sums.subarray(2, 2 + order));
    const totals = Array.from(sums.subarray(2 + order));
    const precisions = new Array<number>(order).fill(0);
    const bp = sysLen >= refLen ? 1 : sysLen > 0 ? Math.exp(1 - refLen / sysLen) : 0;
    const about = { counts, totals, precisions, bp, sysLen, refLen };
    if (counts.every((count) => count === 0)) return { score: 0, ...about };
    const orders = this.#smoothPrecisions(counts, totals, precisions, arithmetic);
    let logs = 0;
    for (let n = 0; n < orders; n++) logs += precisions[n] === 0 ? LOG_OF_ZERO : Math.log(precisions[n]);
    return { score: bp * Math.exp(logs / orders), ...about };
  }

  /** Fills in the precisions, with add-k also the counts and totals; returns how many orders count. */
  #smoothPrecisions(
    counts: number[],
    totals: number[],
    precisions: number[],
    arithmetic: Arithmetic,
  ): number {
    const { round, store } = arithmetic;
    let orders = this.#order;
    let halvings = 1; // exp: every further order without a match counts half of the one before
    for (let n = 0; n < this.#order; n++) {
      if (this.#smooth === "add-k" && n > 0) {
        counts[n] = store(counts[n] + this.#smoothValue);
        totals[n] = store(totals[n] + this.#smoothValue);
      }
      if (totals[n] === 0) break;
      if (this.#effectiveOrder) orders = n + 1;
      if (counts[n] !== 0) {
        precisions[n] = round(round(100 * counts[n]) / totals[n]);
      } else if (this.#smooth === "exp") {
        halvings *= 2;
        precisions[n] = round(100 / round(halvings * totals[n]));
      } else if (this.#smooth === "floor") {
        precisions[n] = round((100 * this.#smoothValue) / totals[n]);
      }
    }
    return orders;
  }

  #numbers(text: string): Int32Array {
    const cased = this.#lowercase ? text.toLowerCase() : text;
    return this.#words.number(splitWords(this.#tokenize(stripEnd(cased))));
  }
}

// The length next to the hypothesis's; of two equally near, the shorter
function closest(length: number, references: readonly Int32Array[]): number {
  let best = references[0].length;
  for (const { length: other } of references) {
    const nearer = Math.abs(length - other) - Math.abs(length - best);
    if (nearer < 0 || (nearer === 0 && other < best)) best = other;
  }
  return best;
}
