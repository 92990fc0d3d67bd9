// Resampled corpus scores with sacreBLEU's arithmetic (sacrebleu/significance.py): the statistics of the drawn
// sentences are summed one by one in float32, and means follow NumPy's pairwise order.

import { type Arithmetic, NUMPY_FLOAT32 } from "./arithmetic.js";
import { Pcg64 } from "./pcg64.js";
import type { Confidence, CorpusStatistics, TranslationMetric } from "./translation.js";

/** Resampled scores, and whether NumPy holds them in double precision. */
export interface ResampledScores {
  values: Float64Array; // (resamples)
  isDouble: boolean;
}

/** Scores of `resamples` bootstrap samples, drawn alike for every system. Memory: linear in the resamples. */
export function bootstrapScores(
  metric: TranslationMetric,
  systems: readonly CorpusStatistics[],
  resamples: number,
  random: number | Pcg64,
): ResampledScores[] {
  const generator = typeof random === "number" ? new Pcg64(random) : random;
  const sentences = systems[0].sentences;
  const indices = new Int32Array(sentences);
  const sums = new Float32Array(metric.width);
  const exact = new Float64Array(metric.width);
  const scores = systems.map(() => ({ values: new Float64Array(resamples), isDouble: false }));
  const single = systems.map(({ rows }) => Float32Array.from(rows ?? []));
  for (let sample = 0; sample < resamples; sample++) {
    generator.fillBelow(indices, sentences);
    for (let system = 0; system < systems.length; system++) {
      sumRows(single[system], indices, sums);
      exact.set(sums);
      scores[system].values[sample] = metric.score(exact, NUMPY_FLOAT32);
      if (metric.isDouble(exact)) scores[system].isDouble = true;
    }
  }
  return scores;
}

// A Float32Array rounds every addition, as numpy.sum over rows does
function sumRows(rows: Float32Array, indices: Int32Array, sums: Float32Array): void {
  const width = sums.length;
  sums.fill(0);
  for (const index of indices) {
    const from = index * width;
    for (let k = 0; k < width; k++) sums[k] += rows[from + k];
  }
}

/**
 * Mean and half width of the 95% interval. "exact" takes the mean as Python's `statistics.mean`, "numpy" as
 * `ndarray.mean`, which in float32 differs in the sixth digit.
 */
export function estimateConfidence(scores: ResampledScores, mean: "exact" | "numpy"): Confidence {
  const round: Arithmetic["round"] = scores.isDouble ? (x) => x : Math.fround;
  const sorted = scores.values.toSorted();
  const lower = Math.floor(sorted.length / 40);
  const width = round(sorted[sorted.length - lower - 1] - sorted[lower]);
  return {
    mean: mean === "numpy" ? numpyMean(sorted, round) : round(numpyMean(sorted)),
    ci: round(0.5 * width),
  };
}

/** `ndarray.mean` of contiguous values: sums of 8 interleaved lanes in blocks of 128, halved recursively above. */
export function numpyMean(values: Float64Array, round: Arithmetic["round"] = (x) => x): number {
  return round(pairwiseSum(values, 0, values.length, round) / values.length);
}

function pairwiseSum(values: Float64Array, from: number, length: number, round: Arithmetic["round"]): number {
  if (length > 128) {
    const half = Math.floor(length / 2);
    const left = half - (half % 8);
    const first = pairwiseSum(values, from, left, round);
    return round(first + pairwiseSum(values, from + left, length - left, round));
  }
  let sum = 0;
  let at = 0;
  if (length >= 8) {
    const lanes = Array.from(values.subarray(from, from + 8));
    for (at = 8; at + 8 <= length; at += 8) {
      for (let lane = 0; lane < 8; lane++) lanes[lane] = round(lanes[lane] + values[from + at + lane]);
    }
    const pair = (i: number) => round(lanes[i] + lanes[i + 1]);
    sum = round(round(pair(0) + pair(2)) + round(pair(4) + pair(6)));
  }
  for (; at < length; at++) sum = round(sum + values[from + at]);
  return sum;
}
