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

/**
 * The rows that a batch becomes. `rest` is called between rows, where rows are taken one at a time, and awaited when
 * it gives a promise: awaiting every row costs more than many a function.
 */
export async function applyBatch(
  kind: MapKind,
  fn: AnyFunction,
  { rows, index }: Batch,
  params: unknown,
  rest: () => Promise<void> | undefined = () => undefined,
): Promise<Row[]> {
  if (kind === "batch") return await applyToAll(fn, { rows, index }, params);
  const result: Row[] = [];
  for (const [i, row] of rows.entries()) {
    const where = index + i;
    let made: unknown;
    try {
      made = fn(row, { index: where, params });
      if (isThenable(made)) made = await made;
    } catch (cause) {
      throw failure(`row ${where}`, cause);
    }
    if (kind === "filter" && typeof made !== "boolean")
      throw fault(`row ${where} must give true or false`, made);
    if (kind === "row" && !isRow(made)) throw fault(`row ${where} must become an object`, made);
    if (kind === "row") result.push(made as Row);
    else if (made === true) result.push(row);
    const turn = rest();
    if (turn !== undefined) await turn;
  }
  return result;
}

async function applyToAll(fn: AnyFunction, { rows, index }: Batch, params: unknown): Promise<Row[]> {
  const where = rows.length === 1 ? `row ${index}` : `rows ${index} to ${index + rows.length - 1}`;
  let made: unknown;
  try {
    made = await fn(rows, { index, params });
  } catch (cause) {
    throw failure(where, cause);
  }
  if (Array.isArray(made) && made.every(isRow)) return made;
  const came = Array.isArray(made) ? made.find((row) => !isRow(row)) : made;
  throw fault(`${where} must become a list of objects`, came);
}

function failure(where: string, cause: unknown): AthanorError {
  const { name, message } = (cause ?? {}) as Partial<Error>;
  const came = message === undefined ? shown(cause) : `${name}: ${message}`;
  return new AthanorError("ERR_DATA", `the function failed at ${where}: ${came}`, { cause });
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_DATA", `${needed}, got ${came === undefined ? "nothing" : shown(came)}`);
}
