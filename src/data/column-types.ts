// Types of columns: text from a cell becomes a number, an integer or a boolean, or the row is bad.

import { AthanorError } from "../errors.js";
import type { BadRows } from "./bad-rows.js";
import type { Row } from "./rows.js";
import { setOwn } from "./rows.js";
import { shown } from "./text-source.js";

/** What a column holds. Booleans are `true`/`false` in any case, or `1`/`0`. */
export type ColumnType = "string" | "number" | "integer" | "boolean";

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
const BOOLEANS = new Map([
  ["true", true],
  ["false", false],
  ["1", true],
  ["0", false],
]);
const ARTICLES = { string: "a string", number: "a number", integer: "an integer", boolean: "a boolean" };

/** The columns that have a type, checked. */
export function checkedTypes(types: Record<string, ColumnType> | undefined): [string, ColumnType][] {
  const entries = Object.entries(types ?? {});
  for (const [column, type] of entries) {
    if (Object.hasOwn(ARTICLES, type)) continue;
    const needed = Object.keys(ARTICLES).join(", ");
    throw new AthanorError(
      "ERR_ARGUMENT",
      `data: types.${column} must be one of ${needed}, got ${shown(type)}`,
    );
  }
  return entries;
}

/** Converts the typed columns of a row in place. False when a value does not fit: then the row is bad. */
export function convertRow(row: Row, types: [string, ColumnType][], line: number, bad: BadRows): boolean {
  for (const [column, type] of types) {
    const value = Object.hasOwn(row, column) ? row[column] : undefined;
    const converted = convert(value, type);
    if (converted === undefined) {
      bad.add(line, column, `needs ${ARTICLES[type]}, got ${value === undefined ? "nothing" : shown(value)}`);
      return false;
    }
    setOwn(row, column, converted);
  }
  return true;
}

/** The value as `type`, or undefined. JSON may bring numbers and booleans already as such. */
function convert(value: unknown, type: ColumnType): string | number | boolean | undefined {
  const text = typeof value === "string" ? value.trim() : undefined;
  switch (type) {
    case "string":
      if (typeof value === "number" || typeof value === "boolean") return String(value);
      return typeof value === "string" ? value : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : BOOLEANS.get((text ?? String(value)).toLowerCase());
    case "number":
    case "integer": {
      const pattern = type === "integer" ? INTEGER : DECIMAL;
      const number = text !== undefined && pattern.test(text) ? Number(text) : value;
      const fits = type === "integer" ? Number.isSafeInteger(number) : Number.isFinite(number);
      return fits ? (number as number) : undefined;
    }
  }
}
