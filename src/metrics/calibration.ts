// Whether a classifier is as sure as it is right (Guo et al. 2017, "On Calibration of Modern Neural Networks").

import { checkInteger, checkSameLength, refuse } from "./check.js";

/**
 * Expected calibration error, 0 to 1 (section 2, equation 3 of the paper): over bins of equal width, the mean gap
 * between confidence and accuracy, weighted by the bin's share of the items. A bin holds its upper end but not its
 * lower one; confidence 0 belongs to the first.
 *
 * `probabilities` has one row of class probabilities per item; the largest is the confidence, its class (the first
 * of several) the prediction. `labels` are class numbers. ERR_ARGUMENT for no items, rows that differ in length,
 * probabilities outside 0 to 1, labels that are no class number.
 *
 * @example
 * expectedCalibrationError([[0.9, 0.1], [0.2, 0.8]], [0, 0]); // 0.45
 */
export function expectedCalibrationError(
  probabilities: ArrayLike<ArrayLike<number>>,
  labels: ArrayLike<number>,
  { bins = 15 }: { bins?: number } = {},
): number {
  const who = "expectedCalibrationError";
  checkInteger(who, "bins", bins, 1, 1e6);
  checkSameLength(who, "probabilities", labels.length, probabilities.length);
  if (labels.length === 0) refuse(who, "there must be at least one item", labels.length);
  const gaps = new Float64Array(bins); // sums of confidence less correctness
  for (let i = 0; i < labels.length; i++) {
    checkSameLength(who, `probabilities[${i}]`, probabilities[0].length, probabilities[i].length);
    checkInteger(who, `labels[${i}]`, labels[i], 0, probabilities[i].length - 1);
    const best = mostLikely(who, probabilities[i], i);
    const confidence = probabilities[i][best];
    const bin = Math.max(0, Math.ceil(confidence * bins) - 1);
    gaps[bin] += confidence - (best === labels[i] ? 1 : 0);
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / labels.length;
}

function mostLikely(who: string, row: ArrayLike<number>, item: number): number {
  let best = 0;
  for (let k = 0; k < row.length; k++) {
    if (!(row[k] >= 0 && row[k] <= 1))
      refuse(who, `probabilities[${item}][${k}] must be from 0 to 1`, row[k]);
    if (row[k] > row[best]) best = k;
  }
  return best;
}
