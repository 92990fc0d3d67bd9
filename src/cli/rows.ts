// Rows for a command: files by their extension, columns checked before anything long begins.
import { type Row, readRows, type TableFormat, type TableOptions } from "../data/index.js";
import { AthanorError } from "../errors.js";
import { askedColumns, neededColumns, type TaskEntry, type TaskSettings } from "../tasks/entry.js";
import type { DataRow } from "../training/index.js";
import { nearestName } from "./nearest-name.js";
import { optionFlag } from "./task-options.js";

export interface ReadingOptions {
  /** The kind of the files, where their names do not tell. */
  format?: string;
  /** Names of the columns, where the files do not tell; "" leaves one out. */
  columns?: string[];
}

export interface RowsOptions extends ReadingOptions {
  /** Only so many rows, the first ones: numbers of rows in messages stay those of the files. */
  limit?: number;
  labels: "required" | "none";
}

/** Rows and the files they are from. */
export interface RowSource {
  rows: readonly DataRow[];
  files: readonly string[];
  /** Where one of the rows stands ("train.csv line 7"), and its number among all rows of the files, from 0. */
  find(row: DataRow): Promise<{ place: string | undefined; number: number } | undefined>;
}

/** How the files of a task are read. */
export function readingOf(
  entry: TaskEntry,
  settings: TaskSettings,
  file: string,
  { format, columns }: ReadingOptions,
): TableOptions {
  const reading = entry.reading?.(settings, file) ?? {};
  return {
    ...reading,
    ...(format !== undefined && { format: format as TableFormat }),
    ...(columns !== undefined && { columns: columns.map((name) => (name === "" ? null : name)) }),
  };
}

/**
 * The rows of files, at least one, with the columns that the task needs. Rejects with ERR_DATA saying which columns
 * there are, and as the readers do.
 */
async function readTaskRows(
  files: readonly string[],
  entry: TaskEntry,
  settings: TaskSettings,
  { limit = Number.POSITIVE_INFINITY, labels, ...reading }: RowsOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const file of files) {
    const found: Row[] = [];
    for await (const row of readRows(file, readingOf(entry, settings, file, reading))) {
      found.push(row);
      if (rows.length + found.length >= limit) break;
    }
    if (found.length === 0) {
      throw new AthanorError("ERR_DATA", `${file}: must have at least one row, got none`);
    }
    checkColumns(found, file, entry, settings, labels);
    for (const row of found) rows.push(row);
    if (rows.length >= limit) break;
  }
  return rows;
}

/** The rows of files, as `readTaskRows` reads them, which can be found again. */
export async function readSource(
  files: readonly string[],
  entry: TaskEntry,
  settings: TaskSettings,
  options: RowsOptions,
): Promise<RowSource & { rows: Row[] }> {
  const rows = await readTaskRows(files, entry, settings, options);
  const find: RowSource["find"] = async (row) => {
    const number = rows.indexOf(row as Row);
    if (number === -1) return undefined;
    return {
      number,
      place: await placeOf(number, files, (file) => readingOf(entry, settings, file, options)),
    };
  };
  return { rows, files, find };
}

/** Reads the files again: nothing is noted of rows as long as they are good. */
async function placeOf(
  number: number,
  files: readonly string[],
  reading: (file: string) => TableOptions,
): Promise<string | undefined> {
  let next = 0;
  for (const file of files) {
    const rowPlaces = new WeakMap<object, string>();
    for await (const row of readRows(file, { ...reading(file), rowPlaces })) {
      if (next++ === number) return rowPlaces.get(row);
    }
  }
  return undefined;
}

/** @throws ERR_DATA when no row has a column that the task needs, or, with labels, one that an option names */
export function checkColumns(
  rows: readonly Row[],
  file: string,
  entry: TaskEntry,
  settings: TaskSettings,
  labels: "required" | "none",
): void {
  const asked = labels === "required" ? askedColumns(entry, settings) : [];
  for (const { option, names } of [...neededColumns(entry, settings, labels), ...asked]) {
    // One row without it is that row's fault, and said so by the task.
    if (names.some((name) => rows.some((row) => Object.hasOwn(row, name)))) continue;
    const there = Object.keys(rows[0]);
    const near = nearestName(names[0], there);
    const suggestion = near === undefined ? "" : ` (did you mean "${near}"?)`;
    const quoted = (list: readonly string[]) => list.map((name) => `"${name}"`);
    throw new AthanorError(
      "ERR_DATA",
      `${file}: ${entry.name} needs the column ${quoted(names).join(" or ")}${suggestion}, ` +
        `got ${quoted(there).join(", ")}; ${optionFlag(option.name)} names another`,
    );
  }
}
