// One JSON text that must be one row: an object.

import type { BadRows } from "./bad-rows.js";
import { jsonFault } from "./json-text.js";
import { countNewlines, type Row } from "./rows.js";

/**
 * The row that `text` holds, or undefined when it is bad and bad rows are skipped.
 * `line` and `column` (from 1) say where the text begins.
 */
export function jsonRow(
  text: string,
  place: { line: number; column: number },
  bad: BadRows,
): Row | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { at, reason } = jsonFault(text) ?? { at: 0, reason: (error as Error).message };
    const lines = countNewlines(text, 0, at);
    const column = lines === 0 ? place.column + at : at - text.lastIndexOf("\n", at - 1);
    bad.add(place.line + lines, column, reason);
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const came = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
    bad.add(place.line, place.column, `needs an object, got ${came}`);
    return undefined;
  }
  // JSON.parse makes "__proto__" an own property like any other, so the object is safe as it is.
  return value as Row;
}
