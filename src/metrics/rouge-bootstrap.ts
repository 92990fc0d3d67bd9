// Confidence intervals of mean ROUGE scores: rouge_score's BootstrapAggregator (rouge/scoring.py), which draws with
// NumPy's legacy generator and takes percentiles of the resampled means.

import { Mt19937 } from "./mt19937.js";
import type { RougeScore } from "./rouge.js";

const CONFIDENCE = 0.95;

/** Intervals for each list of scores, in order: one generator serves them all, as in the reference. */
export function bootstrapRouge(perPair: readonly RougeScore[][], resamples: number, seed: number) {
  const random = new Mt19937(seed);
  return perPair.map((scores) => {
    const means = [0, 1, 2].map(() => new Float64Array(resamples));
    for (let sample = 0; sample < resamples; sample++) {
      const sums = [0, 0, 0];
      for (let i = 0; i < scores.length; i++) {
        const { precision, recall, fmeasure } = scores[random.below(scores.length)];
        sums[0] += precision;
        sums[1] += recall;
        sums[2] += fmeasure;
      }
      sums.forEach((sum, part) => {
        means[part][sample] = sum / scores.length;
      });
    }
    const sorted = means.map((values) => values.sort());
    const at = (share: number): RougeScore => {
      const [precision, recall, fmeasure] = sorted.map((values) => quantile(values, share));
      return { precision, recall, fmeasure };
    };
    const tail = (1 - CONFIDENCE) / 2;
    return { low: at(tail), mid: at(0.5), high: at(1 - tail) };
  });
}

/** `numpy.percentile` with linear interpolation, of sorted values. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const part = place - below;
  const low = sorted[below];
  const high = sorted[Math.min(below + 1, sorted.length - 1)];
  // Counted from the nearer end, as NumPy does
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}
