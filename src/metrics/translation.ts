// What BLEU, chrF and TER share: a few numbers per sentence whose sums give the corpus score, reference sets with
// gaps, signatures, and confidence from resampled sums.

import { AthanorError } from "../errors.js";
import type { Arithmetic } from "./arithmetic.js";
import { checkInteger, checkSameLength, checkSeed, checkTexts, refuse } from "./check.js";
import { bootstrapScores, estimateConfidence } from "./resampling.js";

/** One reference set: a reference per hypothesis, `null` where the set has none. */
export type ReferenceSet = readonly (string | null | undefined)[];

/** A metric whose corpus score is a function of statistics summed over sentences. */
export interface TranslationMetric {
  /** The function's name, for messages. */
  readonly who: string;
  /** How many statistics a sentence has. */
  readonly width: number;
  /** Writes the statistics of one sentence to `row`; `references` holds at least one. */
  measure(hypothesis: string, references: readonly string[], row: Float64Array): void;
  score(sums: Float64Array, arithmetic: Arithmetic): number;
  /** Whether the reference's score leaves NumPy for a Python float, so that resampled ones stay double. */
  isDouble(sums: Float64Array): boolean;
  /** The part of the signature that names the options. */
  readonly options: string;
}

/** Statistics of a corpus: the sums and, when asked for, each sentence's row. */
export interface CorpusStatistics {
  sums: Float64Array; // (width)
  rows: Float64Array | null; // (sentences, width)
  sentences: number;
  /** How many references every sentence has; "var" when that differs. */
  referenceCount: number | "var";
}

/** Confidence of a corpus score by bootstrap resampling of its sentences. */
export interface Confidence {
  /** The mean of the resampled scores. */
  mean: number;
  /** Half the width of their 95% interval. */
  ci: number;
}

/** Options of every corpus score. */
export interface BootstrapOptions {
  /** How many resamples to take for `confidence`; 0 (default) takes none. */
  bootstrap?: number;
  /** Seed of the resampling, 0 to 2^32 - 1 (default 12345, sacreBLEU's). */
  seed?: number;
}

const SACREBLEU_VERSION = "2.6.0";
export const DEFAULT_SEED = 12345;

/** Measures every sentence. Throws ERR_ARGUMENT for what sacreBLEU would crash on or silently cut short. */
export function measureCorpus(
  metric: TranslationMetric,
  hypotheses: readonly string[],
  references: readonly ReferenceSet[],
  keepRows: boolean,
): CorpusStatistics {
  checkTexts(metric.who, "hypotheses", hypotheses);
  checkReferenceSets(metric.who, references, hypotheses.length);
  const { width } = metric;
  const sums = new Float64Array(width);
  const rows = keepRows ? new Float64Array(hypotheses.length * width) : null;
  const single = new Float64Array(width);
  const counts = new Set<number>();
  for (let i = 0; i < hypotheses.length; i++) {
    const own = sentenceReferences(metric.who, references, i);
    counts.add(own.length);
    const row = rows === null ? single : rows.subarray(i * width, (i + 1) * width);
    metric.measure(hypotheses[i], own, row);
    for (let k = 0; k < width; k++) sums[k] += row[k];
  }
  const referenceCount = counts.size === 1 ? [...counts][0] : "var";
  return { sums, rows, sentences: hypotheses.length, referenceCount };
}

function checkReferenceSets(who: string, references: readonly ReferenceSet[], length: number): void {
  if (!Array.isArray(references) || references.length === 0) {
    refuse(who, "references must be an array of at least one reference set", references);
  }
  references.forEach((set, i) => {
    if (!Array.isArray(set)) refuse(who, `references[${i}] must be an array of strings`, set);
    checkSameLength(who, `references[${i}]`, length, set.length);
  });
}

function sentenceReferences(who: string, references: readonly ReferenceSet[], sentence: number): string[] {
  const own: string[] = [];
  references.forEach((set, i) => {
    const text = set[sentence];
    if (text === null || text === undefined) return;
    if (typeof text !== "string") refuse(who, `references[${i}][${sentence}] must be a string or null`, text);
    own.push(text);
  });
  if (own.length === 0) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: every sentence needs a reference, got none for hypothesis ${sentence}`,
    );
  }
  return own;
}

/** Reference sets that hold the references of one sentence. */
export function referencesOfOne(who: string, references: readonly string[]): string[][] {
  checkTexts(who, "references", references);
  return references.map((reference) => [reference]);
}

/** The signature as sacreBLEU prints it; `extra` holds what a test adds (bs, ar, seed). */
export function signature(
  metric: TranslationMetric,
  nrefs: number | "var",
  extra: readonly string[] = [],
): string {
  return [`nrefs:${nrefs}`, ...extra, metric.options, `version:${SACREBLEU_VERSION}`].join("|");
}

/** Bootstrap confidence of a measured corpus, or undefined when none is asked for; and the signature. */
export function describe(
  metric: TranslationMetric,
  hypotheses: readonly string[],
  references: readonly ReferenceSet[],
  { bootstrap = 0, seed = DEFAULT_SEED }: BootstrapOptions,
): { sums: Float64Array; confidence?: Confidence; signature: string } {
  checkInteger(metric.who, "bootstrap", bootstrap, 0, 1e9);
  checkSeed(metric.who, seed);
  const statistics = measureCorpus(metric, hypotheses, references, bootstrap > 1);
  const { sums, referenceCount } = statistics;
  if (bootstrap <= 1) return { sums, signature: signature(metric, referenceCount) };
  const scores = bootstrapScores(metric, [statistics], bootstrap, seed)[0];
  return {
    sums,
    confidence: estimateConfidence(scores, "exact"),
    signature: signature(metric, referenceCount, [`bs:${bootstrap}`, `seed:${seed}`]),
  };
}

/** `yes` and `no` of signatures. */
export function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

/** Refuses options that are no booleans, such as "false". */
export function checkFlags(who: string, flags: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(flags)) {
    if (typeof value !== "boolean") refuse(who, `${name} must be true or false`, value);
  }
}
