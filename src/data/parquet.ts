// Parquet files, through the library hyparquet: a row group at a time, checked text, numbers where they fit, and the
// class names that the Hub's data sets keep in the file.

import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow } from "./column-types.js";
import { openParquet, type ParquetFile } from "./parquet-file.js";
import { type Batches, collectRows, type Row, Slices, setOwn } from "./rows.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readParquet`. */
export interface ParquetOptions extends BadRowOptions {
  /** The columns to read; default all. The others are not even decoded. */
  columns?: string[];
  /** Types of columns, which every row must then have. */
  types?: Record<string, ColumnType>;
}

/** What a Parquet file says about itself. */
export interface ParquetInfo {
  /** How many rows it has. */
  rows: number;
  /** Names of the columns. */
  columns: string[];
  /** Class names by column, where the Hub's `datasets` library wrote them. */
  labels: Record<string, string[]>;
}

const ROWS_PER_BATCH = 512;

/**
 * Reads a Parquet file, also a gzipped one, into an array of rows. Integers of 64 bits become numbers where those
 * are exact, else bigints; dates and times `Date`, binary columns `Uint8Array`, lists arrays, missing values null.
 * Compression: snappy, gzip, brotli, zstd, LZ4. Nested groups become objects.
 *
 * Rejects with ERR_DATA for a file that is missing or not a whole Parquet file, for a column that it lacks, and,
 * unless `onBadRow: "skip"`, for a value that is not of its column's type: the message names row and column.
 *
 * @example
 * const rows = await readParquet("train-00000-of-00001.parquet", { columns: ["sentence", "label"] });
 */
export async function readParquet<T extends object = Row>(
  file: FileLike,
  options: ParquetOptions = {},
): Promise<T[]> {
  return (await collectRows(parquetBatches(file, options))) as T[];
}

/**
 * What a Parquet file says about itself, from its last few kilobytes. Rejects as `readParquet`.
 *
 * @example
 * const { labels } = await parquetInfo("train.parquet");
 * const rows = await readParquet("train.parquet", { types: { label: labels.label } });
 */
export async function parquetInfo(file: FileLike): Promise<ParquetInfo> {
  const opened = await openParquet(pathOf(file));
  try {
    return { rows: opened.rows, columns: opened.columns, labels: opened.labels };
  } finally {
    await opened.close();
  }
}

/** The rows of a Parquet file; a row group is in memory at a time. */
export async function* parquetBatches(file: FileLike, options: ParquetOptions): Batches {
  const bad = new BadRows(pathOf(file), options, "row");
  const types = checkedTypes(options.types);
  const opened = await openParquet(bad.file);
  try {
    const columns = chosenColumns(opened, options.columns, bad);
    const slices = new Slices();
    for (let group = 0, first = 0; group < opened.groups.length; first += opened.groups[group++]) {
      const values = await opened.read(first, first + opened.groups[group], columns);
      let batch: Row[] = [];
      for (const [i, cells] of values.entries()) {
        const row: Row = {};
        for (let c = 0; c < columns.length; c++) setOwn(row, columns[c], cells[c]);
        if (convertRow(row, types, first + i + 1, bad)) {
          bad.place(row, first + i + 1);
          batch.push(row);
        }
        if (i % ROWS_PER_BATCH !== ROWS_PER_BATCH - 1) continue;
        yield batch;
        batch = [];
        await slices.rest();
      }
      yield batch;
    }
  } finally {
    await opened.close();
    bad.report();
  }
}

function chosenColumns(opened: ParquetFile, wanted: string[] | undefined, bad: BadRows): string[] {
  if (wanted === undefined) return opened.columns;
  const fit = Array.isArray(wanted) && wanted.length > 0 && new Set(wanted).size === wanted.length;
  if (!fit) {
    const came = shown(wanted);
    throw new AthanorError("ERR_ARGUMENT", `data: columns must be different names, got ${came}`);
  }
  const missing = wanted.find((name) => !opened.columns.includes(name));
  if (missing === undefined) return wanted;
  const needed = `needs the column ${shown(missing)}, got ${opened.columns.join(", ")}`;
  throw new AthanorError("ERR_DATA", `${bad.file}: ${needed}`);
}
