// Correlations of two lists of numbers, equal to SciPy 1.17 (scipy.stats.pearsonr and spearmanr).

import { checkSameLength, refuse } from "./check.js";

/**
 * Pearson's correlation, -1 to 1. NaN when either list is constant, as in the reference, which also refuses fewer
 * than two pairs: ERR_ARGUMENT, as for lists of different lengths and for what is not a finite number.
 *
 * @example
 * pearson([1, 2, 4], [2, 3, 5]); // 1
 */
export function pearson(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  checkNumbers("pearson", predictions, labels, 2);
  return correlate(Float64Array.from(predictions), Float64Array.from(labels));
}

/**
 * Spearman's rank correlation, -1 to 1; equal values share the mean of their ranks. NaN when either list is
 * constant or has one value. ERR_ARGUMENT for empty lists and as `pearson`.
 *
 * @example
 * spearman([1, 2, 3], [10, 20, 15]); // 0.5
 */
export function spearman(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  checkNumbers("spearman", predictions, labels, 1);
  return correlate(ranks(predictions), ranks(labels));
}

function checkNumbers(
  who: string,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  least: number,
): void {
  for (const [what, values] of [["predictions", predictions] as const, ["labels", labels] as const]) {
    if (typeof values !== "object" || values === null || !Number.isInteger(values.length)) {
      refuse(who, `${what} must be an array of numbers`, values);
    }
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) refuse(who, `${what}[${i}] must be a finite number`, values[i]);
    }
  }
  checkSameLength(who, "predictions", labels.length, predictions.length);
  if (labels.length < least) refuse(who, `there must be at least ${least} pairs`, labels.length);
}

function correlate(x: Float64Array, y: Float64Array): number {
  const [ours, theirs] = [centred(x), centred(y)];
  if (ours === null || theirs === null) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += ours[i] * theirs[i];
  return Math.max(-1, Math.min(1, sum));
}

/** The values less their mean, scaled to length 1; null when they are all equal. */
function centred(values: Float64Array): Float64Array | null {
  if (values.every((value) => value === values[0])) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const differences = values.map((value) => value - mean);
  const largest = differences.reduce((most, difference) => Math.max(most, Math.abs(difference)), 0);
  // Scaled by the largest first, so that squares neither overflow nor vanish
  const norm =
    largest * Math.sqrt(differences.reduce((sum, difference) => sum + (difference / largest) ** 2, 0));
  return differences.map((difference) => difference / norm);
}

/** Ranks from 1; equal values get the mean of the ranks they take up. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const result = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]] === values[order[first]]) end++;
    for (let i = first; i < end; i++) result[order[i]] = (first + end + 1) / 2;
    first = end;
  }
  return result;
}
