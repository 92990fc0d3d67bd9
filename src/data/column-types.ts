// Types of columns: text from a cell becomes a number, an integer, a boolean or the id of a class, or the row
// is bad.

import { AthanorError } from "../errors.js";
import type { BadRows } from "./bad-rows.js";
import type { Row } from "./rows.js";
import { setOwn } from "./rows.js";
import { shown } from "./text-source.js";

/**
 * What a column holds. Booleans are `true`/`false` in any case, or `1`/`0`. A list of names makes class labels:
 * a cell that holds one of the names, or its number from 0, becomes that number; a list of labels becomes a
 * list of numbers.
 */
export type ColumnType = "string" | "number" | "integer" | "boolean" | readonly string[];

/** A column with its type, ready to convert cells. */
export interface TypedColumn {
  column: string;
  /** What a cell must be, for messages. */
  needed: string;
  /** The value as the type, or undefined when it does not fit. */
  convert: (value: unknown) => unknown;
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
const BOOLEANS = new Map([
  ["true", true],
  ["false", false],
  ["1", true],
  ["0", false],
]);
const PLAIN: Record<string, Omit<TypedColumn, "column">> = {
  string: { needed: "a string", convert: asString },
  number: { needed: "a number", convert: (value) => asNumber(value, DECIMAL, Number.isFinite) },
  integer: { needed: "an integer", convert: (value) => asNumber(value, INTEGER, Number.isSafeInteger) },
  boolean: { needed: "a boolean", convert: asBoolean },
};

/** The columns that have a type, checked. */
export function checkedTypes(types: Record<string, ColumnType> | undefined): TypedColumn[] {
  return Object.entries(types ?? {}).map(([column, type]) => {
    if (Array.isArray(type)) return { column, ...classType(column, type) };
    if (typeof type === "string" && Object.hasOwn(PLAIN, type)) return { column, ...PLAIN[type] };
    const needed = `one of ${Object.keys(PLAIN).join(", ")}, or a list of class names`;
    throw new AthanorError("ERR_ARGUMENT", `data: types.${column} must be ${needed}, got ${shown(type)}`);
  });
}

/** Converts the typed columns of a row in place. False when a value does not fit: then the row is bad. */
export function convertRow(row: Row, types: TypedColumn[], line: number, bad: BadRows): boolean {
  for (const { column, needed, convert } of types) {
    const value = Object.hasOwn(row, column) ? row[column] : undefined;
    const converted = convert(value);
    if (converted === undefined) {
      bad.add(line, column, `needs ${needed}, got ${value === undefined ? "nothing" : shown(value)}`);
      return false;
    }
    setOwn(row, column, converted);
  }
  return true;
}

// JSON may bring numbers and booleans already as such.
function asString(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? value : undefined;
}

function asNumber(value: unknown, pattern: RegExp, fits: (number: unknown) => boolean): number | undefined {
  const text = typeof value === "string" ? value.trim() : undefined;
  const number = text !== undefined && pattern.test(text) ? Number(text) : value;
  return fits(number) ? (number as number) : undefined;
}

function asBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  return BOOLEANS.get((typeof value === "string" ? value.trim() : String(value)).toLowerCase());
}

function classType(column: string, names: readonly unknown[]): Omit<TypedColumn, "column"> {
  const fit = names.length > 0 && names.every((name) => typeof name === "string");
  if (!fit || new Set(names).size !== names.length) {
    const needed = "different class names";
    throw new AthanorError("ERR_ARGUMENT", `data: types.${column} must list ${needed}, got ${shown(names)}`);
  }
  const ids = new Map(names.map((name, id) => [name as string, id]));
  const idOf = (value: unknown): number | undefined => {
    const named = typeof value === "string" ? ids.get(value) : undefined;
    if (named !== undefined) return named;
    const id = asNumber(value, INTEGER, Number.isSafeInteger);
    return id !== undefined && id >= 0 && id < names.length ? id : undefined;
  };
  const known = names.length > 8 ? `${names.slice(0, 8).join(", ")}, ...` : names.join(", ");
  return {
    needed: `one of ${names.length} class names (${known}) or its number`,
    convert: (value) => {
      if (!Array.isArray(value)) return idOf(value);
      const list = value.map(idOf);
      return list.includes(undefined) ? undefined : list;
    },
  };
}
