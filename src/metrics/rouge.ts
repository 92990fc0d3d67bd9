// ROUGE (Lin 2004) as rouge_score (Google Research) computes it: n-grams, longest common subsequence, and the
// summary-level variant that unites the subsequences of each reference sentence with all predicted ones.

import { checkSameLength, checkSeed, checkTexts, refuse } from "./check.js";
import { LongestCommonSubsequence } from "./lcs.js";
import { NgramCounter, ngramTotal, WordNumbers } from "./ngram-counter.js";
import { bootstrapRouge } from "./rouge-bootstrap.js";
import { type RougeTokenizer, rougeTokenizer } from "./rouge-tokenizers.js";

/** Which overlap to measure: n-grams of 1 to 9 tokens, L, or L over sentences (one a line). */
export type RougeType = `rouge${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | "L" | "Lsum"}`;

/** Fractions from 0 to 1. */
export interface RougeScore {
  precision: number;
  recall: number;
  fmeasure: number;
}

/** Options of ROUGE. */
export interface RougeOptions {
  /** Default rouge1, rouge2, rougeL, rougeLsum. */
  types?: readonly RougeType[];
  /** Compares stems of English words, not words. Default false. */
  useStemmer?: boolean;
  /** Default "rouge", which keeps only a to z and 0 to 9: Chinese, Greek, "é" vanish. For Chinese "characters". */
  tokenizer?: RougeTokenizer;
  /** Resamples for `bootstrap`; true means 1000, rouge_score's number. Default none. */
  bootstrap?: boolean | number;
  /** Seed of the resampling, 0 to 2^32 - 1 (default 12345): the results of `numpy.random.seed(seed)`. */
  seed?: number;
}

/** Scores of one type. */
export interface RougeResult {
  /** One score a pair; with several references that of the best F. */
  perPair: RougeScore[];
  /** Plain means over the pairs. */
  mean: RougeScore;
  /** The 2.5, 50 and 97.5 per cent points of resampled means, when `bootstrap` was asked for. */
  bootstrap?: { low: RougeScore; mid: RougeScore; high: RougeScore };
}

const DEFAULT_TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"] as const;
const TYPE = /^rouge([1-9]|L|Lsum)$/;
const NOTHING: RougeScore = { precision: 0, recall: 0, fmeasure: 0 };

/**
 * ROUGE of each pair and over all, equal to rouge_score's `RougeScorer` and `BootstrapAggregator`.
 *
 * rougeLsum takes each line for a sentence: join `splitSentences(text)` with "\n" first. Beware of the default
 * tokenizer with anything but English: it drops every character that is not a to z or 0 to 9. ERR_ARGUMENT for no
 * pairs, lists of other lengths, a pair without reference, and bad options.
 *
 * @example
 * rouge(["the cat sat"], ["the cat sat down"]).rougeL.mean.recall; // 0.75
 */
export function rouge<T extends RougeType = (typeof DEFAULT_TYPES)[number]>(
  predictions: readonly string[],
  references: readonly (string | readonly string[])[],
  options: RougeOptions & { types?: readonly T[] } = {},
): Record<T, RougeResult> {
  const { types = DEFAULT_TYPES as unknown as readonly T[], bootstrap = false, seed = 12345 } = options;
  checkTexts("rouge", "predictions", predictions);
  if (!Array.isArray(references)) refuse("rouge", "references must be an array", references);
  checkSameLength("rouge", "references", predictions.length, references.length);
  const scorer = new RougeScorer(
    types,
    rougeTokenizer(options.tokenizer ?? "rouge", options.useStemmer ?? false),
  );
  const perPair = types.map(() => [] as RougeScore[]);
  predictions.forEach((prediction, i) => {
    const own = referencesOf(references[i], i);
    const scores = own.map((reference) => scorer.score(reference, prediction));
    types.forEach((_, t) => {
      perPair[t].push(scores.map((score) => score[t]).reduce((a, b) => (b.fmeasure > a.fmeasure ? b : a)));
    });
  });
  const resamples = checkResamples(bootstrap, seed);
  const intervals = resamples === 0 ? [] : bootstrapRouge(perPair, resamples, seed);
  const results = types.map((type, t): [T, RougeResult] => {
    const result: RougeResult = { perPair: perPair[t], mean: meanScore(perPair[t]) };
    return [type, resamples === 0 ? result : { ...result, bootstrap: intervals[t] }];
  });
  return Object.fromEntries(results) as Record<T, RougeResult>;
}

function referencesOf(references: string | readonly string[], pair: number): readonly string[] {
  if (typeof references === "string") return [references];
  checkTexts("rouge", `references[${pair}]`, references);
  return references;
}

function checkResamples(bootstrap: boolean | number, seed: number): number {
  checkSeed("rouge", seed);
  const resamples = bootstrap === true ? 1000 : bootstrap === false ? 0 : bootstrap;
  if (!Number.isInteger(resamples) || resamples < 0) {
    refuse("rouge", "bootstrap must be true, false or a number of resamples", bootstrap);
  }
  return resamples;
}

function meanScore(scores: readonly RougeScore[]): RougeScore {
  const mean = (part: keyof RougeScore) =>
    scores.reduce((sum, score) => sum + score[part], 0) / scores.length;
  return { precision: mean("precision"), recall: mean("recall"), fmeasure: mean("fmeasure") };
}

/** Scores pairs of texts under several types at once. */
class RougeScorer {
  readonly #types: readonly RougeType[];
  readonly #tokenize: (text: string) => readonly string[];
  readonly #counter: NgramCounter;
  readonly #orders: number;
  readonly #lcs = new LongestCommonSubsequence();
  readonly #words = new WordNumbers();

  constructor(types: readonly RougeType[], tokenize: (text: string) => readonly string[]) {
    if (!Array.isArray(types) || types.length === 0)
      refuse("rouge", "types must name at least one type", types);
    for (const type of types) {
      if (!TYPE.test(type)) refuse("rouge", "a type must be rouge1 to rouge9, rougeL or rougeLsum", type);
    }
    this.#types = types;
    this.#tokenize = tokenize;
    this.#orders = Math.max(0, ...types.map(orderOf));
    this.#counter = new NgramCounter(this.#orders);
  }

  /** One score for each type. */
  score(reference: string, prediction: string): RougeScore[] {
    this.#words.begin();
    const sides = this.#types.some((type) => type !== "rougeLsum");
    const theirs = sides ? this.#numbers(reference) : new Int32Array(0);
    const ours = sides ? this.#numbers(prediction) : new Int32Array(0);
    const matches = this.#ngramMatches(theirs, ours);
    return this.#types.map((type) => {
      if (type === "rougeL") return this.#subsequence(theirs, ours);
      if (type === "rougeLsum") return this.#summary(reference, prediction);
      const n = orderOf(type);
      return scoreOf(matches[n - 1], ngramTotal(ours.length, n), ngramTotal(theirs.length, n));
    });
  }

  #ngramMatches(theirs: Int32Array, ours: Int32Array): number[] {
    const matches = new Array<number>(this.#orders).fill(0);
    if (this.#orders === 0) return matches;
    this.#counter.begin(theirs.length);
    this.#counter.addReference(theirs, theirs.length);
    this.#counter.countMatches(ours, ours.length, matches);
    return matches;
  }

  #subsequence(theirs: Int32Array, ours: Int32Array): RougeScore {
    if (theirs.length === 0 || ours.length === 0) return NOTHING;
    return scoreOf(this.#lcs.length(theirs, ours), ours.length, theirs.length);
  }

  // Section 3.2 of the paper, each token counted no more often than either side has it, as ROUGE 1.5.5 does
  #summary(reference: string, prediction: string): RougeScore {
    const theirs = this.#sentences(reference);
    const ours = this.#sentences(prediction);
    const [theirLeft, ourLeft] = [countTokens(theirs), countTokens(ours)];
    let hits = 0;
    for (const sentence of theirs) {
      const united = new Uint8Array(sentence.length);
      for (const other of ours) this.#lcs.markPositions(sentence, other, united);
      for (let i = 0; i < sentence.length; i++) {
        const [mine, its] = [ourLeft.get(sentence[i]) ?? 0, theirLeft.get(sentence[i]) ?? 0];
        if (united[i] === 0 || mine === 0 || its === 0) continue;
        hits++;
        ourLeft.set(sentence[i], mine - 1);
        theirLeft.set(sentence[i], its - 1);
      }
    }
    const total = (sentences: Int32Array[]) => sentences.reduce((sum, sentence) => sum + sentence.length, 0);
    return scoreOf(hits, total(ours), total(theirs));
  }

  #sentences(text: string): Int32Array[] {
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => this.#numbers(line));
  }

  #numbers(text: string): Int32Array {
    return this.#words.number(this.#tokenize(text));
  }
}

function orderOf(type: RougeType): number {
  return /\d$/.test(type) ? Number(type.at(-1)) : 0;
}

function countTokens(sentences: readonly Int32Array[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const sentence of sentences) {
    for (const token of sentence) counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return counts;
}

function scoreOf(matches: number, ours: number, theirs: number): RougeScore {
  const precision = matches / Math.max(ours, 1);
  const recall = matches / Math.max(theirs, 1);
  const sum = precision + recall;
  return { precision, recall, fmeasure: sum > 0 ? (2 * precision * recall) / sum : 0 };
}
