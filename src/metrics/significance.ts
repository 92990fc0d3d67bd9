// Whether one system is better than another, as sacreBLEU 2.6.0 tests it (sacrebleu/significance.py): paired
// bootstrap resampling (Koehn 2004) and paired approximate randomisation (Riezler and Maxwell 2005), with NumPy's
// generator and arithmetic, so that the same seed gives sacreBLEU's own numbers.

import { NUMPY_INT64, PYTHON_FLOATS } from "./arithmetic.js";
import { Bleu, type BleuOptions } from "./bleu.js";
import { checkChoice, checkInteger, checkSeed } from "./check.js";
import { Chrf, type ChrfOptions } from "./chrf.js";
import { Pcg64 } from "./pcg64.js";
import { bootstrapScores, estimateConfidence, numpyMean, type ResampledScores } from "./resampling.js";
import { Ter, type TerOptions } from "./ter.js";
import {
  type Confidence,
  type CorpusStatistics,
  DEFAULT_SEED,
  measureCorpus,
  type ReferenceSet,
  signature,
  type TranslationMetric,
} from "./translation.js";

/** The metric to test with, and its options. */
export type TestedMetric =
  | { metric?: "bleu"; options?: BleuOptions }
  | { metric: "chrf"; options?: ChrfOptions }
  | { metric: "ter"; options?: TerOptions };

/** Options of `pairedBootstrap`. */
export type PairedBootstrapOptions = TestedMetric & {
  /** Default 1000. */
  resamples?: number;
  /** 0 to 2^32 - 1; default 12345, as in sacreBLEU. */
  seed?: number;
};

/** Options of `approximateRandomization`. */
export type RandomizationOptions = TestedMetric & {
  /** Default 10000. */
  trials?: number;
  /** Bootstrap resamples for the confidence of both scores; 0 (default) for none. */
  confidenceResamples?: number;
  /** 0 to 2^32 - 1; default 12345, as in sacreBLEU. */
  seed?: number;
};

/** One side of a paired test. */
export interface TestedSystem {
  score: number;
  confidence?: Confidence;
}

/** The outcome of a paired test. */
export interface PairedTest {
  baseline: TestedSystem;
  system: TestedSystem;
  /** How likely a difference as large is when the systems are equally good. */
  pValue: number;
  signature: string;
}

/**
 * Paired bootstrap resampling: sentences are drawn with replacement, alike for both systems. Linear in sentences
 * times resamples (the statistics of a sentence are computed once); 2,000 sentences and 1,000 resamples take well
 * under a second with BLEU. Synchronous: call it in a worker thread where the event loop must stay free.
 *
 * @example
 * pairedBootstrap(systemOutput, baselineOutput, [references], { metric: "chrf" }).pValue;
 */
export function pairedBootstrap(
  system: readonly string[],
  baseline: readonly string[],
  references: readonly ReferenceSet[],
  options: PairedBootstrapOptions = {},
): PairedTest {
  const who = "pairedBootstrap";
  const { resamples = 1000, seed = DEFAULT_SEED } = options;
  checkInteger(who, "resamples", resamples, 1, 1e9);
  checkSeed(who, seed);
  const { metric, measured, scores } = measureBoth(who, system, baseline, references, options);
  const [ours, theirs] = bootstrapScores(metric, measured, resamples, seed);
  const difference = Math.abs(scores[1] - scores[0]);
  return {
    baseline: { score: scores[1], confidence: estimateConfidence(theirs, "numpy") },
    system: { score: scores[0], confidence: estimateConfidence(ours, "numpy") },
    pValue: bootstrapPValue(ours, theirs, difference),
    signature: signature(metric, measured[0].referenceCount, [`bs:${resamples}`, `seed:${seed}`]),
  };
}

// How often the resampled differences, centred, exceed the one observed
function bootstrapPValue(ours: ResampledScores, theirs: ResampledScores, observed: number): number {
  const round = ours.isDouble || theirs.isDouble ? (x: number) => x : Math.fround;
  const differences = ours.values.map((score, i) => Math.abs(round(score - theirs.values[i])));
  const mean = numpyMean(differences, round);
  return pValue(
    differences.map((difference) => round(difference - mean)),
    round(observed),
  );
}

// One is added to both counts, so that chance is never ruled out by too few samples
function pValue(samples: Float64Array, observed: number): number {
  let above = 0;
  for (const sample of samples) if (sample > observed) above++;
  return (above + 1) / (samples.length + 1);
}

/**
 * Paired approximate randomisation: in every trial a coin decides for each sentence whether the two systems swap
 * outputs. Linear in sentences times trials.
 *
 * @example
 * approximateRandomization(systemOutput, baselineOutput, [references]).pValue; // of the difference in BLEU
 */
export function approximateRandomization(
  system: readonly string[],
  baseline: readonly string[],
  references: readonly ReferenceSet[],
  options: RandomizationOptions = {},
): PairedTest {
  const who = "approximateRandomization";
  const { trials = 10000, confidenceResamples = 0, seed = DEFAULT_SEED } = options;
  checkInteger(who, "trials", trials, 1, 1e9);
  checkInteger(who, "confidenceResamples", confidenceResamples, 0, 1e9);
  checkSeed(who, seed);
  const { metric, measured, scores } = measureBoth(who, system, baseline, references, options);
  const random = new Pcg64(seed);
  const differences = swappedDifferences(metric, measured[0], measured[1], trials, random);
  const outcome: PairedTest = {
    baseline: { score: scores[1] },
    system: { score: scores[0] },
    pValue: pValue(differences, Math.abs(scores[1] - scores[0])),
    signature: signature(metric, measured[0].referenceCount, [
      ...(confidenceResamples > 0 ? [`bs:${confidenceResamples}`] : []),
      `ar:${trials}`,
      `seed:${seed}`,
    ]),
  };
  if (confidenceResamples === 0) return outcome;
  // The system's resamples go on with the generator of the trials, the baseline's start anew: as in sacreBLEU
  const ours = bootstrapScores(metric, [measured[0]], confidenceResamples, random);
  const theirs = bootstrapScores(metric, [measured[1]], confidenceResamples, seed);
  outcome.system.confidence = estimateConfidence(ours[0], "numpy");
  outcome.baseline.confidence = estimateConfidence(theirs[0], "numpy");
  return outcome;
}

// The absolute score differences of the trials
function swappedDifferences(
  metric: TranslationMetric,
  ours: CorpusStatistics,
  theirs: CorpusStatistics,
  trials: number,
  random: Pcg64,
): Float64Array {
  const { width } = metric;
  // Kept or swapped, each side summed by itself and in order of sentences: TER's mean lengths are fractions, and
  // whether two trials tie hangs on their last bits.
  const kept = [new Float64Array(width), new Float64Array(width)];
  const swapped = [new Float64Array(width), new Float64Array(width)];
  const coin = random.coins();
  return new Float64Array(trials).map(() => {
    for (const sums of [...kept, ...swapped]) sums.fill(0);
    for (let sentence = 0; sentence < ours.sentences; sentence++) {
      const [first, second] = coin() ? swapped : kept;
      const from = sentence * width;
      for (let k = 0; k < width; k++) {
        first[k] += ours.rows![from + k];
        second[k] += theirs.rows![from + k];
      }
    }
    const one = swapped[1].map((sum, k) => sum + kept[0][k]);
    const other = kept[1].map((sum, k) => sum + swapped[0][k]);
    return Math.abs(metric.score(one, NUMPY_INT64) - metric.score(other, NUMPY_INT64));
  });
}

function measureBoth(
  who: string,
  system: readonly string[],
  baseline: readonly string[],
  references: readonly ReferenceSet[],
  tested: TestedMetric,
) {
  const metric = createMetric(who, tested);
  const measured = [system, baseline].map((texts) => measureCorpus(metric, texts, references, true));
  return { metric, measured, scores: measured.map(({ sums }) => metric.score(sums, PYTHON_FLOATS)) };
}

function createMetric(who: string, tested: TestedMetric): TranslationMetric {
  checkChoice(who, "metric", tested.metric ?? "bleu", ["bleu", "chrf", "ter"]);
  if (tested.metric === "chrf") return new Chrf(who, tested.options ?? {});
  if (tested.metric === "ter") return new Ter(who, tested.options ?? {});
  return new Bleu(who, tested.options ?? {});
}
