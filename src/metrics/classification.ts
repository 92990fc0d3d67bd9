// Scores of classifiers, equal to scikit-learn 1.9 (sklearn/metrics/_classification.py) with `zero_division=0`.

import { checkChoice, checkSameLength, refuse } from "./check.js";
import { compareCodePoints } from "./python-text.js";

/** A class: a number or a name. Booleans do not count; 1 and "1" differ. */
export type Label = number | string;

/** How scores of classes become one: of the positive class alone, pooled, plain mean, mean by support. */
export type Average = "binary" | "micro" | "macro" | "weighted";

/** Options of `f1`, `precision` and `recall`. */
export interface AverageOptions {
  /** Default "binary". */
  average?: Average;
  /** The class that "binary" scores; default 1. */
  positiveLabel?: Label;
  /** The classes that the other averages cover; default all that occur on either side. */
  labels?: ArrayLike<Label>;
}

/** How often each true class was given each predicted one. */
export interface ConfusionMatrix {
  /** The classes, numbers by value before names by code point. */
  labels: Label[];
  /** `matrix[i][j]`: items of class `labels[i]` predicted as `labels[j]`. */
  matrix: number[][];
}

/**
 * The share of equal labels, 0 to 1. Like every function here it throws ERR_ARGUMENT for empty lists, lists of
 * different lengths, and labels that are neither strings nor finite numbers.
 *
 * @example
 * accuracy([1, 0, 1], [1, 1, 1]); // 0.667
 */
export function accuracy(predictions: ArrayLike<Label>, labels: ArrayLike<Label>): number {
  checkPairs("accuracy", predictions, labels);
  let equal = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) equal++;
  return equal / labels.length;
}

/**
 * The harmonic mean of precision and recall, 0 to 1; 0 where both are.
 *
 * "binary" (default) throws ERR_ARGUMENT when there are more than two classes or the positive one is not among two.
 *
 * @example
 * f1([1, 0, 1], [1, 1, 1]); // 0.8
 * f1(["a", "b"], ["a", "c"], { average: "macro" }); // 0.333
 */
export function f1(
  predictions: ArrayLike<Label>,
  labels: ArrayLike<Label>,
  options: AverageOptions = {},
): number {
  return averaged("f1", predictions, labels, options, ({ matched, predicted, actual }) =>
    fraction(2 * matched, predicted + actual),
  );
}

/**
 * The share of predicted items that are right, 0 to 1; of no predicted items 0.
 *
 * @example
 * precision([1, 0, 1], [1, 1, 0]); // 0.5
 */
export function precision(
  predictions: ArrayLike<Label>,
  labels: ArrayLike<Label>,
  options: AverageOptions = {},
): number {
  return averaged("precision", predictions, labels, options, ({ matched, predicted }) =>
    fraction(matched, predicted),
  );
}

/**
 * The share of true items that were found, 0 to 1; of no true items 0.
 *
 * @example
 * recall([1, 0, 1], [1, 1, 1]); // 0.667
 */
export function recall(
  predictions: ArrayLike<Label>,
  labels: ArrayLike<Label>,
  options: AverageOptions = {},
): number {
  return averaged("recall", predictions, labels, options, ({ matched, actual }) => fraction(matched, actual));
}

/**
 * Matthews' correlation, for any number of classes (Gorodkin 2004), -1 to 1; 0 when either side is constant.
 *
 * @example
 * matthewsCorrelation([1, 0, 1, 1], [1, 0, 0, 1]); // 0.577
 */
export function matthewsCorrelation(predictions: ArrayLike<Label>, labels: ArrayLike<Label>): number {
  const counts = countLabels("matthewsCorrelation", predictions, labels);
  const total = labels.length;
  let matched = 0;
  let both = 0;
  let predictedSquares = 0;
  let actualSquares = 0;
  for (const count of counts.values()) {
    matched += count.matched;
    both += count.predicted * count.actual;
    predictedSquares += count.predicted ** 2;
    actualSquares += count.actual ** 2;
  }
  const spread = (total ** 2 - predictedSquares) * (total ** 2 - actualSquares);
  return spread === 0 ? 0 : (matched * total - both) / Math.sqrt(spread);
}

/**
 * Counts of true against predicted classes.
 *
 * @example
 * confusionMatrix(["a", "b", "b"], ["a", "a", "b"]).matrix; // [[1, 1], [0, 1]]
 */
export function confusionMatrix(predictions: ArrayLike<Label>, labels: ArrayLike<Label>): ConfusionMatrix {
  const classes = [...countLabels("confusionMatrix", predictions, labels).keys()].sort(compareLabels);
  const places = new Map(classes.map((label, i) => [label, i]));
  const matrix = classes.map(() => new Array<number>(classes.length).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[places.get(labels[i])!][places.get(predictions[i])!]++;
  return { labels: classes, matrix };
}

function compareLabels(a: Label, b: Label): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  return typeof a === "number" ? -1 : 1;
}

interface Counts {
  matched: number;
  predicted: number;
  actual: number;
}

function countLabels(
  who: string,
  predictions: ArrayLike<Label>,
  labels: ArrayLike<Label>,
): Map<Label, Counts> {
  checkPairs(who, predictions, labels);
  const counts = new Map<Label, Counts>();
  const of = (label: Label) => {
    let count = counts.get(label);
    if (count === undefined) {
      count = { matched: 0, predicted: 0, actual: 0 };
      counts.set(label, count);
    }
    return count;
  };
  for (let i = 0; i < labels.length; i++) {
    const actual = of(labels[i]);
    actual.actual++;
    of(predictions[i]).predicted++;
    if (predictions[i] === labels[i]) actual.matched++;
  }
  return counts;
}

function checkPairs(who: string, predictions: ArrayLike<Label>, labels: ArrayLike<Label>): void {
  for (const [what, values] of [["predictions", predictions] as const, ["labels", labels] as const]) {
    if (typeof values !== "object" || values === null || !Number.isInteger(values.length)) {
      refuse(who, `${what} must be an array of labels`, values);
    }
    for (let i = 0; i < values.length; i++) {
      if (typeof values[i] !== "string" && !Number.isFinite(values[i])) {
        refuse(who, `${what}[${i}] must be a string or a finite number`, values[i]);
      }
    }
  }
  checkSameLength(who, "predictions", labels.length, predictions.length);
  if (labels.length === 0) refuse(who, "there must be at least one label", labels.length);
}

const NO_COUNTS: Counts = { matched: 0, predicted: 0, actual: 0 };

function averaged(
  who: string,
  predictions: ArrayLike<Label>,
  labels: ArrayLike<Label>,
  { average = "binary", positiveLabel = 1, labels: chosen }: AverageOptions,
  score: (counts: Counts) => number,
): number {
  checkChoice(who, "average", average, ["binary", "micro", "macro", "weighted"]);
  const counts = countLabels(who, predictions, labels);
  if (average === "binary") return score(positiveCounts(who, counts, positiveLabel));
  const classes = chosen === undefined ? [...counts.keys()].sort(compareLabels) : Array.from(chosen);
  if (classes.length === 0) refuse(who, "labels must name at least one class", classes);
  const each = classes.map((label) => counts.get(label) ?? NO_COUNTS);
  const sum = (part: keyof Counts) => each.reduce((total, count) => total + count[part], 0);
  if (average === "micro") {
    return score({ matched: sum("matched"), predicted: sum("predicted"), actual: sum("actual") });
  }
  if (average === "macro") return each.reduce((total, count) => total + score(count), 0) / each.length;
  return fraction(
    each.reduce((total, count) => total + score(count) * count.actual, 0),
    sum("actual"),
  );
}

function positiveCounts(who: string, counts: Map<Label, Counts>, positive: Label): Counts {
  const known = counts.get(positive);
  if (counts.size > 2)
    refuse(who, "average must be micro, macro or weighted for more than two classes", "binary");
  if (known === undefined && counts.size === 2) {
    const classes = [...counts.keys()].map((label) => JSON.stringify(label)).join(" or ");
    refuse(who, `positiveLabel must be ${classes}`, positive);
  }
  return known ?? NO_COUNTS;
}

function fraction(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
