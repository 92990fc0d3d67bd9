// The classes of a classification data set, in an order that does not depend on the order of its rows.

import { AthanorError } from "../errors.js";
import { shown } from "./text-source.js";

/** The classes found in a column. */
export interface ClassLabels {
  /** Unique label names, sorted: numbers by value, anything else by character codes. */
  labels: string[];
  /** The index of each name in `labels`. */
  labelToId: Map<string, number>;
  /** The index of each row's label, in row order. */
  ids: number[];
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Collects the class labels of a column. Numbers and booleans count by their text, so `1` and `"1"` are one
 * class; when every label is a number the order is numeric ("2" before "10").
 *
 * Throws ERR_DATA when a row has no such label (missing, empty, or an object), naming the row from 0.
 *
 * @example
 * classLabels([{ y: "pos" }, { y: "neg" }], "y"); // { labels: ["neg", "pos"], ids: [1, 0], labelToId }
 */
export function classLabels(rows: Iterable<object>, column: string): ClassLabels {
  const names: string[] = [];
  for (const row of rows) {
    const value = Object.hasOwn(row, column) ? (row as Record<string, unknown>)[column] : undefined;
    const fits =
      (typeof value === "string" && value !== "") || typeof value === "boolean" || Number.isFinite(value);
    if (!fits) {
      const needed = `row ${names.length} needs a label in column "${column}"`;
      throw new AthanorError(
        "ERR_DATA",
        `class_labels: ${needed}, got ${value === undefined ? "none" : shown(value)}`,
      );
    }
    names.push(String(value));
  }
  const labels = [...new Set(names)].sort(byCode);
  if (labels.every((label) => DECIMAL.test(label))) labels.sort((a, b) => Number(a) - Number(b));
  const labelToId = new Map(labels.map((label, id) => [label, id]));
  return { labels, labelToId, ids: names.map((name) => labelToId.get(name) as number) };
}

function byCode(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
