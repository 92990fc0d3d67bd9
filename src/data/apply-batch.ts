// Applies a function to the rows of one batch, in this thread or in a worker's, and says which row made it fail.

import { AthanorError } from "../errors.js";
import type { AnyFunction, MapKind } from "./map-function.js";
import type { Row } from "./rows.js";
import { shown } from "./text-source.js";

/** A batch on its way: its rows and the number of the first. */
export interface Batch {
  rows: Row[];
  index: number;
}

/** The rows that a batch becomes. `rest` is awaited between rows, where rows are taken one at a time. */
export async function applyBatch(
  kind: MapKind,
  fn: AnyFunction,
  { rows, index }: Batch,
  params: unknown,
  rest: () => Promise<void> | void = () => {},
): Promise<Row[]> {
  if (kind === "batch") {
    const where = rows.length === 1 ? `row ${index}` : `rows ${index} to ${index + rows.length - 1}`;
    const made = await called(where, () => fn(rows, { index, params }));
    const fits = Array.isArray(made) && made.every(isRow);
    if (!fits)
      throw fault(`${where} must become a list of objects`, Array.isArray(made) ? made.find(isNoRow) : made);
    return made;
  }
  const result: Row[] = [];
  for (const [i, row] of rows.entries()) {
    const where = `row ${index + i}`;
    const made = await called(where, () => fn(row, { index: index + i, params }));
    if (kind === "filter" && typeof made !== "boolean") throw fault(`${where} must give true or false`, made);
    if (kind === "row" && isNoRow(made)) throw fault(`${where} must become an object`, made);
    if (kind === "row") result.push(made as Row);
    else if (made === true) result.push(row);
    await rest();
  }
  return result;
}

async function called(where: string, work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (cause) {
    const { name, message } = (cause ?? {}) as Partial<Error>;
    const came = message === undefined ? shown(cause) : `${name}: ${message}`;
    throw new AthanorError("ERR_DATA", `the function failed at ${where}: ${came}`, { cause });
  }
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNoRow(value: unknown): boolean {
  return !isRow(value);
}

function fault(needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_DATA", `${needed}, got ${came === undefined ? "nothing" : shown(came)}`);
}
