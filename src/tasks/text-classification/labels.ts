// Labels of text classification: names, ids, lists or numbers in a column to what a model learns.
import { classLabels } from "../../data/class-labels.js";
import { AthanorError } from "../../errors.js";
import type { DataRow, TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { columnOf, rowFault } from "../rows.js";

export const TASK = "textClassification";

/** The kinds of labels, in the words of a config's `problem_type`. */
export type Problem = "regression" | "single_label_classification" | "multi_label_classification";

export function problemOf(model: TrainableModel): Problem {
  return (model.config.problem_type as Problem | null | undefined) ?? "single_label_classification";
}

export type LabelReader = (value: unknown, row: number, name: string) => number | number[];

/** Reads labels as the model's config wants them. @throws ERR_DATA for a model with one class */
export function labelReader(model: TrainableModel): LabelReader {
  const names = labelNames(model);
  const problem = problemOf(model);
  if (problem === "regression") return readNumber;
  if (names.length < 2 && problem !== "multi_label_classification") {
    const needed = 'at least two labels (of rows with different ones), or problem_type "regression"';
    throw new AthanorError("ERR_DATA", `${TASK}: model needs ${needed}, got ${names.join(", ") || "none"}`);
  }
  const idOf = idReader(names);
  if (problem === "single_label_classification") return idOf;
  return (value, row, name) => {
    // One class, as of a re-ranker: relevant or not.
    if (names.length === 1 && (value === 0 || value === 1)) return [value];
    if (!Array.isArray(value)) throw rowFault(TASK, row, name, "a list of labels", value);
    const bits = value.length === names.length && value.every((bit) => bit === 0 || bit === 1);
    if (bits) return value;
    const chosen = new Set(value.map((entry) => idOf(entry, row, name)));
    return names.map((_, id) => (chosen.has(id) ? 1 : 0));
  };
}

function readNumber(value: unknown, row: number, name: string): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw rowFault(TASK, row, name, "a finite number", value);
}

/** Names count first, then ids: of stars from 1 to 3 the label 1 is a name. */
function idReader(names: readonly string[]): (value: unknown, row: number, name: string) => number {
  const ids = new Map(names.map((name, id) => [name, id]));
  const known = names.length <= 10 ? ` (${names.join(", ")})` : "";
  return (value, row, name) => {
    const id = ids.get(String(value));
    if (id !== undefined && value !== null && typeof value !== "object") return id;
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < names.length)
      return value as number;
    throw rowFault(TASK, row, name, `one of the model's ${names.length} labels${known}`, value);
  };
}

/**
 * The classes in a column, for `fromPretrained(folder, { labels })`: single labels, or lists of labels for
 * multi-label data; sorted, numbers by value.
 *
 * @throws ERR_DATA naming the first row without a label
 * @example
 * textLabelNames([{ label: "pos" }, { label: "neg" }]); // ["neg", "pos"]
 */
export function textLabelNames(rows: readonly DataRow[], column = "label"): string[] {
  const single = rows.flatMap((row, index) => {
    const value = columnOf(row, column);
    if (!Array.isArray(value)) return [row];
    return value.map((entry) => {
      if (typeof entry === "string" || typeof entry === "number") return { [column]: entry };
      throw rowFault(TASK, index, column, "a list of labels", entry);
    });
  });
  return classLabels(single, column).labels;
}
