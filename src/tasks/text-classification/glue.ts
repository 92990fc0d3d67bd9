// The ten GLUE configurations (Wang et al. 2018) for text classification: columns, classes, metrics.
import { GLUE_CONFIGS, type GlueName } from "../../data/glue-tasks.js";
import { AthanorError } from "../../errors.js";
import { accuracy, glue, matthewsCorrelation } from "../../metrics/index.js";
import type { Example } from "../../models/batch.js";
import type { TrainableModel } from "../../training/task.js";
import { choiceOption } from "../rows.js";
import { labelNames, type Problem, problemOf, TASK } from "./labels.js";
import { bestOf, correlations, type TextClassification } from "./scores.js";

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

/** The benchmark's metrics; Matthews' correlation for "ax", as on its leaderboard. */
export function glueMetrics(
  name: GlueName,
  predicted: readonly TextClassification[],
  examples: readonly Example[],
): Record<string, number> {
  const wanted = examples.map(({ labels }) => labels as number);
  if (name === "stsb") {
    return correlations(
      predicted.map(({ score }) => score),
      wanted,
    );
  }
  const found = predicted.map(({ scores }) => bestOf(scores));
  if (name !== "ax") return glue(name, found, wanted);
  return { matthewsCorrelation: matthewsCorrelation(found, wanted), accuracy: accuracy(found, wanted) };
}
