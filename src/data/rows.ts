// The loop that all readers share: text comes in pieces, a parser turns it into batches of rows, and the event
// loop gets its turn at least every two milliseconds.

import { setImmediate } from "node:timers/promises";
import { AthanorError } from "../errors.js";
import type { BadRows } from "./bad-rows.js";
import { type FileLike, readText } from "./text-source.js";

/**
 * One row: a plain object with the columns as its own properties. A column named `__proto__` is an own
 * property like any other, so look columns up with `Object.hasOwn` when their names are not yours.
 */
export type Row = Record<string, unknown>;

/** Turns the text of one file, piece by piece, into rows. */
export interface RowParser {
  readonly bad: BadRows;
  /** The rows completed by this piece. `final` comes once, with the last (possibly empty) piece. */
  push(text: string, final: boolean): Row[] | Promise<Row[]>;
}

/** Longest row that is read, in characters (CSV: bytes): what a quote that is never closed may hold in memory. */
export const MAX_ROW_LENGTH = 16 * 1024 * 1024;

const SLICE_MS = 2;
const ROWS_PER_CLOCK = 128;

/** Gives the event loop a turn when the current slice of work has lasted long enough. */
export class Slices {
  #start = performance.now();

  /** Whether it has. */
  get due(): boolean {
    return performance.now() - this.#start >= SLICE_MS;
  }

  async rest(): Promise<void> {
    if (!this.due) return;
    await setImmediate();
    this.#start = performance.now();
  }
}

/** Rows as they come out of a file, some at a time. */
export type Batches = AsyncGenerator<Row[], void, undefined>;

/** The rows of a file of text. */
export async function* textBatches(file: FileLike, parser: RowParser): Batches {
  const slices = new Slices();
  let blank = true;
  try {
    for await (const text of readText(file)) {
      blank &&= text.trim() === "";
      yield await parser.push(text, false);
      await slices.rest();
    }
    // A header without rows is an empty data set; a file without anything is more likely a mistake.
    if (blank)
      throw new AthanorError("ERR_DATA", `${parser.bad.file}: needs a header or rows, got an empty file`);
    yield await parser.push("", true);
  } finally {
    parser.bad.report();
  }
}

/** Streams rows one at a time. */
export async function* streamRows(batches: Batches): AsyncGenerator<Row, void, undefined> {
  const slices = new Slices();
  let delivered = 0;
  for await (const batch of batches) {
    for (const row of batch) {
      yield row;
      if (++delivered % ROWS_PER_CLOCK === 0) await slices.rest();
    }
  }
}

/** Reads all rows into an array. */
export async function collectRows(batches: Batches): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of batches) {
    for (const row of batch) rows.push(row);
  }
  return rows;
}

/** Sets an own property, whatever its name: plain assignment of `__proto__` would change the prototype. */
export function setOwn(row: Row, name: string, value: unknown): void {
  if (name !== "__proto__") row[name] = value;
  else Object.defineProperty(row, name, { value, writable: true, enumerable: true, configurable: true });
}

/** How many line feeds `text` holds between two positions. */
export function countNewlines(text: string, from = 0, to = text.length): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** Text that waits for the rest of its row. */
export class PendingText {
  #parts: string[] = [];
  #size = 0;
  #wanted = 0;

  /**
   * Adds a piece; returns all text to scan, or undefined while waiting. An unfinished row is scanned again
   * only once the text has doubled, so that a row of many pieces costs linear and not quadratic time.
   */
  add(text: string, final: boolean): string | undefined {
    this.#parts.push(text);
    this.#size += text.length;
    if (!final && this.#size < this.#wanted) return undefined;
    return this.#parts.length === 1 ? text : this.#parts.join("");
  }

  /** Says what is left over after a scan. */
  keep(rest: string): void {
    this.#parts = rest === "" ? [] : [rest];
    this.#size = rest.length;
    this.#wanted = Math.min(2 * rest.length, MAX_ROW_LENGTH + 1);
  }
}
