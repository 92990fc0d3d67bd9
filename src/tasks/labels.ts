// What the classification tasks share about labels: a model's classes, the classes of a data set, their weights.
import { classLabels } from "../data/class-labels.js";
import { AthanorError } from "../errors.js";
import type { DataRow, TrainableModel } from "../training/task.js";
import { columnOf, rowFault, shownValue } from "./rows.js";

const IOB = /^[A-Z]-./;

/** The names of a model's classes by id, as Transformers has them where the config has none. */
export function modelLabels(model: Pick<TrainableModel, "config">): string[] {
  const { id2label, num_labels: count = 2 } = model.config as {
    id2label?: Record<string, string>;
    num_labels?: number;
  };
  if (id2label) return Array.from(Object.keys(id2label), (_, id) => id2label[id] ?? `LABEL_${id}`);
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}

/** Reads a label as a class's id: names come first, as a name may look like an id. Undefined for anything else. */
export function labelIds(names: readonly string[]): (value: unknown) => number | undefined {
  const ids = new Map(names.map((name, id) => [name, id]));
  return (value) => {
    const named = value === null || typeof value === "object" ? undefined : ids.get(String(value));
    if (named !== undefined) return named;
    const isId = Number.isInteger(value) && (value as number) >= 0 && (value as number) < names.length;
    return isId ? (value as number) : undefined;
  };
}

/** Whether all names are "O" or tags such as "B-PER". */
export function areEntityTags(names: readonly string[]): boolean {
  return names.some((name) => IOB.test(name)) && names.every((name) => name === "O" || IOB.test(name));
}

/**
 * The classes in a column, for `labels` of a model: of one label per row, or of lists (tags of words, several labels).
 * Numbers by value, anything else by character codes; "O" comes first among tags such as "B-PER".
 *
 * @throws ERR_DATA naming the row from 0 whose column has no label; without any label at all
 * @example
 * const labels = labelNames(rows, "tags"); // ["O", "B-PER", "I-PER"]
 */
export function labelNames(rows: readonly DataRow[], column: string): string[] {
  const names = new Set<string>();
  rows.forEach((row, index) => {
    for (const label of labelsOf(row, index, column)) names.add(label);
  });
  if (names.size === 0) {
    throw new AthanorError("ERR_DATA", `labelNames: rows must have a label in column "${column}", got none`);
  }
  const { labels } = classLabels(
    Array.from(names, (name) => ({ name })),
    "name",
  );
  if (!areEntityTags(labels) || !labels.includes("O")) return labels;
  return ["O", ...labels.filter((label) => label !== "O")];
}

/**
 * Weights that make up for classes of different sizes, for the option `classWeights` of a model: rows / (classes *
 * rows of the class), as scikit-learn's `compute_class_weight("balanced")`.
 *
 * @returns one per label, in their order
 * @throws ERR_DATA for a row without such a label, and for a label that no row has
 * @example
 * classWeights([{ label: "a" }, { label: "a" }, { label: "b" }], "label", ["a", "b"]); // [0.75, 1.5]
 */
export function classWeights(
  rows: readonly DataRow[],
  column: string,
  labels: readonly string[] = labelNames(rows, column),
): number[] {
  const counts = new Map(labels.map((label) => [label, 0]));
  let total = 0;
  rows.forEach((row, index) => {
    for (const label of labelsOf(row, index, column)) {
      const count = counts.get(label);
      if (count === undefined) {
        throw rowFault("classWeights", index, column, `one of ${labels.join(", ")}`, label);
      }
      counts.set(label, count + 1);
      total++;
    }
  });
  return Array.from(counts, ([label, count]) => {
    if (count > 0) return total / (counts.size * count);
    throw new AthanorError(
      "ERR_DATA",
      `classWeights: label ${shownValue(label)} must occur, got no such row`,
    );
  });
}

function labelsOf(row: DataRow, index: number, column: string): string[] {
  if (typeof row !== "object" || row === null) throw rowFault("labels", index, undefined, "an object", row);
  const value = columnOf(row, column);
  const list = Array.isArray(value) ? value : [value];
  return list.map((label) => {
    const fits =
      (typeof label === "string" && label !== "") || typeof label === "boolean" || Number.isFinite(label);
    if (!fits) throw rowFault("labels", index, column, "a label, or a list of labels", label);
    return String(label);
  });
}
