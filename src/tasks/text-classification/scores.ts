// Text classification: logits to scores, scores to metrics.
import { accuracy, f1, pearson, precision, recall, spearman } from "../../metrics/index.js";
import type { Example } from "../../models/batch.js";
import type { OutputValues, TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { bestOf, softmax } from "../class-scores.js";
import { type Problem, problemOf } from "./labels.js";

/** The prediction for one row. */
export interface TextClassification {
  /** The name of the best class; of the only output for regression. */
  label: string;
  /** Its probability; the predicted number for regression. */
  score: number;
  /** In the order of label ids: probabilities, for regression the numbers. */
  scores: Float32Array;
}

export function predictions(
  logits: OutputValues,
  count: number,
  model: TrainableModel,
): TextClassification[] {
  const names = labelNames(model);
  const problem = problemOf(model);
  return Array.from({ length: count }, (_, row) => {
    const values = logits.data.slice(row * names.length, (row + 1) * names.length);
    const scores = scoresOf(values, problem);
    const best = bestOf(scores);
    return { label: names[best], score: scores[best], scores };
  });
}

function scoresOf(values: Float32Array, problem: Problem): Float32Array {
  if (problem === "regression") return values;
  if (problem === "multi_label_classification") return values.map((value) => 1 / (1 + Math.exp(-value)));
  return softmax(values);
}

/**
 * The metrics of a data set. Single labels: accuracy; with two classes f1, precision and recall of class 1, with more
 * their plain means over classes. Multi-label: accuracy (all labels of a row right) and f1 over all labels and as mean
 * over classes, a label counting as given from a probability of one half. Regression: mse, mae and both correlations.
 */
export function classificationMetrics(
  predicted: readonly TextClassification[],
  examples: readonly Example[],
  model: TrainableModel,
): Record<string, number> {
  const problem = problemOf(model);
  if (problem === "regression") return regressionMetrics(predicted, examples);
  if (problem === "multi_label_classification") return multiLabelMetrics(predicted, examples);
  const wanted = examples.map(({ labels }) => labels as number);
  const found = predicted.map(({ scores }) => bestOf(scores));
  const binary = labelNames(model).length === 2;
  // A data set without class 1 has scores of 0, not an error: it may be a small part of one.
  const classes = binary ? { labels: [1] } : {};
  const [first, second, third] = [f1, precision, recall].map((metric) =>
    metric(found, wanted, { average: "macro", ...classes }),
  );
  const more: Record<string, number> = binary
    ? { f1: first, precision: second, recall: third }
    : { f1_macro: first, precision_macro: second, recall_macro: third };
  return { accuracy: accuracy(found, wanted), ...more };
}

/** The names of what classificationMetrics() gives. */
export function classificationMetricNames(model: TrainableModel): readonly string[] {
  const problem = problemOf(model);
  if (problem === "regression") return ["mse", "mae", "pearson", "spearman"];
  if (problem === "multi_label_classification") return ["accuracy", "f1_micro", "f1_macro"];
  const more =
    labelNames(model).length === 2
      ? ["f1", "precision", "recall"]
      : ["f1_macro", "precision_macro", "recall_macro"];
  return ["accuracy", ...more];
}

function regressionMetrics(
  predicted: readonly TextClassification[],
  examples: readonly Example[],
): Record<string, number> {
  const found = predicted.map(({ score }) => score);
  const wanted = examples.map(({ labels }) => labels as number);
  const mean = (f: (difference: number) => number) =>
    found.reduce((sum, value, i) => sum + f(value - wanted[i]), 0) / found.length;
  return {
    mse: mean((difference) => difference ** 2),
    mae: mean(Math.abs),
    ...correlations(found, wanted),
  };
}

/** Correlations of what varies; fewer than two rows, or equal ones, have none. */
export function correlations(found: readonly number[], wanted: readonly number[]): Record<string, number> {
  const varies = (values: readonly number[]) => values.some((value) => value !== values[0]);
  if (!varies(found) || !varies(wanted)) return {};
  return { pearson: pearson(found, wanted), spearman: spearman(found, wanted) };
}

function multiLabelMetrics(
  predicted: readonly TextClassification[],
  examples: readonly Example[],
): Record<string, number> {
  const found = predicted.map(({ scores }) => Array.from(scores, (score) => (score > 0.5 ? 1 : 0)));
  const wanted = examples.map(({ labels }) =>
    Array.from(labels as ArrayLike<number>, (bit) => (bit > 0.5 ? 1 : 0)),
  );
  const same = found.filter((bits, row) => bits.every((bit, id) => bit === wanted[row][id])).length;
  const perClass = wanted[0].map((_, id) => {
    return positiveF1(
      found.map((bits) => bits[id]),
      wanted.map((bits) => bits[id]),
    );
  });
  return {
    accuracy: same / found.length,
    f1_micro: positiveF1(found.flat(), wanted.flat()),
    f1_macro: perClass.reduce((sum, value) => sum + value, 0) / perClass.length,
  };
}

/** F1 of the ones; 0 where neither side has any. */
function positiveF1(found: readonly number[], wanted: readonly number[]): number {
  return f1(found, wanted, { labels: [1], average: "macro" });
}
