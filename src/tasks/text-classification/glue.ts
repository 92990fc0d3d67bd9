// The ten GLUE configurations (Wang et al. 2018) for text classification: columns, classes, metrics.
import { GLUE_CONFIGS, type GlueName } from "../../data/glue-tasks.js";
import { AthanorError } from "../../errors.js";
import { glueMetricNames } from "../../metrics/glue.js";
import { accuracy, glue, matthewsCorrelation } from "../../metrics/index.js";
import type { Example } from "../../models/batch.js";
import type { TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { bestOf } from "../class-scores.js";
import { choiceOption } from "../rows.js";
import { type LabelReader, labelReader, type Problem, problemOf, TASK } from "./labels.js";
import { correlations, type TextClassification } from "./scores.js";

/** Where a configuration's texts and labels lie, under the names of `readGlue` and of the Hub's data set. */
export function glueColumns(name: GlueName): {
  textColumn: string;
  pairColumn?: string;
  labelColumn: string;
} {
  const [textColumn, pairColumn] = configOf(name).texts as readonly string[];
  return { textColumn, ...(pairColumn && { pairColumn }), labelColumn: "label" };
}

/**
 * What a model for a GLUE configuration is loaded with: its classes in the order of ids, or one output for the scores
 * of "stsb".
 *
 * @throws ERR_ARGUMENT for another name
 * @example
 * const model = await AutoModelForSequenceClassification.fromPretrained(folder, glueModelOptions("mrpc"));
 */
export function glueModelOptions(name: GlueName): { labels: string[]; config: { problem_type: Problem } } {
  const { labels } = configOf(name);
  if (labels === null) return { labels: ["score"], config: { problem_type: "regression" } };
  return { labels: [...labels], config: { problem_type: "single_label_classification" } };
}

function configOf(name: GlueName) {
  const names = Object.keys(GLUE_CONFIGS) as GlueName[];
  return GLUE_CONFIGS[choiceOption(TASK, "glue", name, names)];
}

/** @throws ERR_ARGUMENT when the model's head is not one for the configuration */
export function checkGlueModel(name: GlueName, model: TrainableModel): void {
  const { labels } = configOf(name);
  const fits =
    labels === null
      ? problemOf(model) === "regression"
      : problemOf(model) === "single_label_classification" && labelNames(model).length === labels.length;
  if (fits) return;
  const needed = labels === null ? 'problem_type "regression"' : `the labels ${labels.join(", ")}`;
  const came = `${problemOf(model)} with ${labelNames(model).length}`;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${TASK}: GLUE's ${name} needs a model with ${needed} (see glueModelOptions), got ${came}`,
  );
}

/**
 * The model's id for each of GLUE's. They differ where the model names the same classes in another order, as many
 * models for MNLI do; a model with other names has GLUE's ids.
 */
function modelIds(labels: readonly string[], model: TrainableModel): number[] {
  const names = labelNames(model).map((name) => name.toLowerCase());
  const places = labels.map((label) => names.indexOf(label));
  return places.includes(-1) ? labels.map((_, id) => id) : places;
}

/** Reads labels that are names or ids of GLUE as the model's ids; whatever else as the model's own reader does. */
export function glueLabelReader(name: GlueName, model: TrainableModel): LabelReader {
  const read = labelReader(model);
  const labels: readonly string[] | null = configOf(name).labels;
  if (labels === null) return read;
  const ids = modelIds(labels, model);
  return (value, row, column) => {
    const id = typeof value === "string" ? labels.indexOf(value) : value;
    return Number.isInteger(id) ? (ids[id as number] ?? read(value, row, column)) : read(value, row, column);
  };
}

/** The names of what glueMetrics() gives. */
export function glueScoreNames(name: GlueName): readonly string[] {
  return name === "ax" ? ["matthewsCorrelation", "accuracy"] : glueMetricNames(name);
}

/**
 * The benchmark's metrics, over its own ids: F1 is that of its class 1. Matthews' correlation for "ax", as on its
 * leaderboard.
 */
export function glueMetrics(
  name: GlueName,
  predicted: readonly TextClassification[],
  examples: readonly Example[],
  model: TrainableModel,
): Record<string, number> {
  const own = examples.map(({ labels }) => labels as number);
  const { labels } = configOf(name);
  if (name === "stsb" || labels === null) {
    return correlations(
      predicted.map(({ score }) => score),
      own,
    );
  }
  const ids = modelIds(labels, model);
  const wanted = own.map((id) => ids.indexOf(id));
  const found = predicted.map(({ scores }) => ids.indexOf(bestOf(scores)));
  if (name !== "ax") return glue(name, found, wanted);
  return { matthewsCorrelation: matthewsCorrelation(found, wanted), accuracy: accuracy(found, wanted) };
}
