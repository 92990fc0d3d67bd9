// What tasks share about rows: columns by name, and errors that name task, row and column.
import { AthanorError } from "../errors.js";
import type { DataRow } from "../training/task.js";

/** A column of a row, undefined where it has none. */
export function columnOf(row: DataRow, name: string): unknown {
  return Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;
}

/** ERR_DATA for a row, counted from 0: who, where, what was needed, what came; of a missing column, which there are. */
export function rowFault(
  task: string,
  row: number,
  column: string | undefined,
  needed: string,
  came: unknown,
  whole?: DataRow,
): AthanorError {
  const where = column === undefined ? "" : ` column "${column}"`;
  const there = came === undefined && whole ? ` (columns: ${Object.keys(whole).join(", ")})` : "";
  return new AthanorError(
    "ERR_DATA",
    `${task}: row ${row}${where} must be ${needed}, got ${shownValue(came)}${there}`,
  );
}

/** The text of a column. @throws ERR_DATA when it is none, or nothing but blanks */
export function textOf(task: string, row: DataRow, index: number, name: string): string {
  if (typeof row !== "object" || row === null) throw rowFault(task, index, undefined, "an object", row);
  const text = columnOf(row, name);
  if (typeof text !== "string") throw rowFault(task, index, name, "a text", text, row);
  if (text.trim() === "") throw rowFault(task, index, name, "a text that is not empty", text);
  return text;
}

/** A value as messages show it. */
export function shownValue(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value)
    ? `a list of ${value.length}`
    : `an object with ${Object.keys(value).join(", ")}`;
}

/** ERR_ARGUMENT for an option: what was needed, what came. */
export function optionFault(task: string, name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${task}: ${name} must be ${needed}, got ${shownValue(came)}`);
}

/** Options must have known names; those of columns must be texts. @throws ERR_ARGUMENT */
export function checkOptions<T extends object>(task: string, options: T, known: readonly (keyof T)[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (!(known as readonly string[]).includes(name)) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${task}: options must be made of ${known.join(", ")}, got ${name}`,
      );
    }
    const named = value === undefined || (typeof value === "string" && value !== "");
    if (name.endsWith("Column") && !named) throw optionFault(task, name, "the name of a column", value);
  }
}

/** ERR_ARGUMENT for a model with another head. */
export function headFault(task: string, needed: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${task}: model must be one of ${needed}, got another head`);
}

/** An option that must be a whole number. @throws ERR_ARGUMENT */
export function wholeOption(task: string, name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw optionFault(task, name, `an integer from ${least}`, value);
}

/** An option that must be true or false. @throws ERR_ARGUMENT */
export function flagOption(task: string, name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw optionFault(task, name, "true or false", value);
}

/** An option that must be one of some words. @throws ERR_ARGUMENT */
export function choiceOption<T extends string>(
  task: string,
  name: string,
  value: unknown,
  choices: readonly T[],
): T {
  if (choices.includes(value as T)) return value as T;
  throw optionFault(task, name, `one of ${choices.join(", ")}`, value);
}

/** An option that must be a share of what there is, and not nothing of it. @throws ERR_ARGUMENT */
export function shareOption(task: string, name: string, value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= 1) return value;
  throw optionFault(task, name, "a number above 0, at most 1", value);
}

/** An option that must be a probability. @throws ERR_ARGUMENT */
export function probabilityOption(task: string, name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw optionFault(task, name, "a number from 0 to 1", value);
}
