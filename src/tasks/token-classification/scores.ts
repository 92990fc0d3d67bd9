// Metrics of token classification, over words: whole entities, or single labels.
import { accuracy, seqeval } from "../../metrics/index.js";
import { findEntities } from "../../metrics/seqeval-entities.js";
import type { DataRow, TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { areChunkLabels, tagReader } from "./labels.js";
import type { TokenClassification } from "./results.js";
import type { Settings } from "./settings.js";

/**
 * Of entities: precision, recall, f1 and the accuracy of words, then of each type `PER_precision`, `PER_recall`, `PER_f1`
 * and `PER_support`; of single labels: accuracy. `missing_words` counts words without tokens, which are in all of them.
 */
export function wordMetrics(
  results: readonly TokenClassification[],
  rows: readonly DataRow[],
  model: TrainableModel,
  { columns, metric }: Settings,
): Record<string, number> {
  const names = labelNames(model);
  const tagsOf = tagReader(model, columns);
  const wanted = rows.map((row, i) => tagsOf(row, i, results[i].words.length).map((id) => names[id]));
  const found = results.map(({ words }) => words.map(({ label }) => label));
  const missing = { missing_words: results.reduce((sum, result) => sum + result.missing, 0) };
  if (!ofEntities(names, metric)) {
    return { accuracy: accuracy(found.flat(), wanted.flat()), ...missing };
  }
  const { micro, types, accuracy: share } = seqeval(found, wanted);
  const { precision, recall, f1 } = micro;
  const ofTypes = Object.entries(types).flatMap(([type, score]) =>
    Object.entries(score).map(([name, value]) => [`${type}_${name}`, value]),
  );
  return { precision, recall, f1, accuracy: share, ...Object.fromEntries(ofTypes), ...missing };
}

/** Whether whole entities are counted, not single labels. */
function ofEntities(names: readonly string[], metric: Settings["metric"]): boolean {
  return metric === "auto" ? areChunkLabels(names) : metric === "seqeval";
}

/** The names of what wordMetrics() gives; those of types as far as the data has them. */
export function wordMetricNames(model: TrainableModel, { metric }: Settings): readonly string[] {
  const names = labelNames(model);
  if (!ofEntities(names, metric)) return ["accuracy", "missing_words"];
  const types = new Set(findEntities(names.map((name) => [name])).map(({ type }) => type));
  const ofTypes = [...types].flatMap((type) =>
    ["precision", "recall", "f1", "support"].map((name) => `${type}_${name}`),
  );
  return ["precision", "recall", "f1", "accuracy", ...ofTypes, "missing_words"];
}
