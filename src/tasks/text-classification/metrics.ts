// Metrics of text classification: one class, any number of classes, a number.
import { accuracy, f1, matthewsCorrelation, precision, recall } from "../../metrics/classification.js";
import { pearson, spearman } from "../../metrics/correlation.js";

/** Metrics of texts with one class each. */
export const CLASS_METRICS = ["accuracy", "f1", "precision", "recall", "matthewsCorrelation"] as const;
export type ClassMetric = (typeof CLASS_METRICS)[number];

/**
 * Metrics of one class per text, by name. With two classes `f1`, `precision` and `recall` are those of class 1,
 * with more the plain means over the classes that occur on either side.
 *
 * @param classes how many the model has
 */
export function classScores(
  wanted: readonly ClassMetric[],
  predictions: readonly number[],
  labels: readonly number[],
  classes: number,
): Record<string, number> {
  const average = classes === 2 ? ("binary" as const) : ("macro" as const);
  const metrics: Record<ClassMetric, () => number> = {
    accuracy: () => accuracy(predictions, labels),
    f1: () => f1(predictions, labels, { average }),
    precision: () => precision(predictions, labels, { average }),
    recall: () => recall(predictions, labels, { average }),
    matthewsCorrelation: () => matthewsCorrelation(predictions, labels),
  };
  return Object.fromEntries(wanted.map((name) => [name, metrics[name]()]));
}

/**
 * Metrics of any number of classes per text: `accuracy` (all classes of a text right), `f1Micro` (decisions of all
 * classes pooled) and `f1Macro` (mean over classes; 0 for one that is on neither side), as scikit-learn's with
 * `zero_division=0`.
 *
 * @param chosen for each text whether it has each class
 */
export function multiLabelScores(
  chosen: readonly boolean[][],
  labels: readonly ArrayLike<number>[],
): Record<string, number> {
  const classes = chosen[0].length;
  let right = 0;
  const counts = Array.from({ length: classes }, () => ({ both: 0, either: 0 }));
  chosen.forEach((decisions, i) => {
    const actual = decisions.map((_, id) => labels[i][id] > 0.5);
    if (decisions.every((decision, id) => decision === actual[id])) right++;
    counts.forEach((count, id) => {
      count.both += Number(decisions[id] && actual[id]);
      count.either += Number(decisions[id]) + Number(actual[id]);
    });
  });
  const sum = (part: "both" | "either") => counts.reduce((total, count) => total + count[part], 0);
  const score = (both: number, either: number) => (either === 0 ? 0 : (2 * both) / either);
  return {
    accuracy: right / chosen.length,
    f1Micro: score(sum("both"), sum("either")),
    f1Macro: counts.reduce((total, { both, either }) => total + score(both, either), 0) / classes,
  };
}

/** Metrics of numbers; correlations only of two rows or more. */
export function regressionScores(
  predictions: readonly number[],
  labels: readonly number[],
): Record<string, number> {
  const squares = predictions.reduce((total, value, i) => total + (value - labels[i]) ** 2, 0);
  const mse = squares / predictions.length;
  if (predictions.length < 2) return { mse };
  return { mse, pearson: pearson(predictions, labels), spearman: spearman(predictions, labels) };
}
