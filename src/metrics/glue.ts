// The GLUE benchmark's metrics per task (Wang et al. 2018, table 1), as Hugging Face's `evaluate` pairs them.

import { checkChoice } from "./check.js";
import { accuracy, f1, matthewsCorrelation } from "./classification.js";
import { pearson, spearman } from "./correlation.js";

const METRICS = { accuracy, f1, matthewsCorrelation, pearson, spearman };

const TASKS = {
  cola: ["matthewsCorrelation"],
  sst2: ["accuracy"],
  mrpc: ["accuracy", "f1"],
  stsb: ["pearson", "spearman"],
  qqp: ["accuracy", "f1"],
  mnli: ["accuracy"],
  mnli_matched: ["accuracy"],
  mnli_mismatched: ["accuracy"],
  qnli: ["accuracy"],
  rte: ["accuracy"],
  wnli: ["accuracy"],
  hans: ["accuracy"],
} as const satisfies Record<string, readonly (keyof typeof METRICS)[]>;

/** The names of the tasks, as in the data set's configurations. */
export type GlueTask = keyof typeof TASKS;

/** The metrics of a task by name. */
export type GlueResult<T extends GlueTask> = Record<(typeof TASKS)[T][number], number>;

/** The names of a task's metrics. */
export function glueMetricNames(task: GlueTask): readonly string[] {
  return TASKS[task];
}

/**
 * The metrics of a GLUE task: for "cola" Matthews' correlation, for "stsb" Pearson's and Spearman's, for "mrpc" and
 * "qqp" accuracy and F1 of class 1, for the others accuracy. Fractions, not percentages. ERR_ARGUMENT for another
 * task, and as the metrics themselves.
 *
 * @example
 * glue("mrpc", [1, 0, 1], [1, 1, 1]); // { accuracy: 0.667, f1: 0.8 }
 */
export function glue<T extends GlueTask>(
  task: T,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): GlueResult<T> {
  checkChoice("glue", "task", task, Object.keys(TASKS) as GlueTask[]);
  const names: readonly (keyof typeof METRICS)[] = TASKS[task];
  return Object.fromEntries(names.map((name) => [name, METRICS[name](predictions, labels)])) as GlueResult<T>;
}
