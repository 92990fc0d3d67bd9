// GLUE's ten configurations (Wang et al. 2018) as text classification: columns, classes, metrics by name.
import { GLUE_CONFIGS, type GlueConfig, type GlueName } from "../../data/glue-tasks.js";
import { AthanorError } from "../../errors.js";
import { type GlueTask, glue } from "../../metrics/glue.js";
import type { ModelConfig } from "../../models/config.js";
import type { TrainableModel } from "../../training/task.js";
import { modelLabels } from "../labels.js";
import { choiceOption } from "../rows.js";

const TASK = "textClassification";

/** A configuration by name. @throws ERR_ARGUMENT naming those there are */
export function glueConfig(name: GlueName): GlueConfig {
  const known = Object.keys(GLUE_CONFIGS) as GlueName[];
  return GLUE_CONFIGS[choiceOption(TASK, "glue", name, known)];
}

/**
 * What a model for a GLUE configuration needs: the names of its classes, and "regression" for STS-B.
 *
 * @throws ERR_ARGUMENT for another name
 * @example
 * const { labels, config } = glueModel("stsb"); // { labels: ["score"], config: { problem_type: "regression" } }
 * const model = await AutoModelForSequenceClassification.fromPretrained(folder, glueModel("mrpc"));
 */
export function glueModel(name: GlueName): { labels: string[]; config: ModelConfig } {
  const { labels } = glueConfig(name);
  const problem = labels === null ? "regression" : "single_label_classification";
  return { labels: labels === null ? ["score"] : [...labels], config: { problem_type: problem } };
}

/** Between GLUE's order of classes and a model's, which may be another where it has the same names (MNLI's often do). */
export interface GlueClasses {
  /** The names by GLUE's ids; null for a score. */
  labels: readonly string[] | null;
  /** GLUE's ids to the model's. */
  toModel: readonly number[];
}

/** @throws ERR_ARGUMENT when the model has not as many outputs as the configuration has classes */
export function glueClasses(name: GlueName, model: TrainableModel): GlueClasses {
  const { labels } = glueConfig(name);
  const outputs = modelLabels(model);
  const needed = labels?.length ?? 1;
  if (outputs.length !== needed) {
    const what = needed === 1 ? "1 output" : `${needed} labels`;
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: model must have ${what} for GLUE's ${name}, got ${outputs.length}; see glueModel("${name}")`,
    );
  }
  const problem = model.config.problem_type ?? undefined;
  const fits = labels === null ? problem === undefined || problem === "regression" : problem !== "regression";
  if (!fits || problem === "multi_label_classification") {
    const wanted = labels === null ? "regression" : "single_label_classification";
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: model's problem_type must be ${wanted} for GLUE's ${name}, got ${String(problem)}`,
    );
  }
  const places = labels?.map((label) => outputs.findIndex((output) => output.toLowerCase() === label)) ?? [0];
  const named = labels !== null && places.every((place) => place >= 0);
  return { labels, toModel: named ? places : Array.from({ length: needed }, (_, id) => id) };
}

/**
 * GLUE's own metrics. The diagnostic set ("ax") is published without labels; who has them gets MNLI's accuracy and
 * Matthews' correlation, which GLUE reports for it.
 *
 * @param predictions ids in GLUE's order, or scores
 */
export function glueScores(
  name: GlueName,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Record<string, number> {
  if (name === "ax") return { ...glue("mnli", predictions, labels), ...glue("cola", predictions, labels) };
  return glue(name satisfies GlueTask, predictions, labels);
}
