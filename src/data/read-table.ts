// One entry for every kind of file: the reader is chosen by the file's name or by an option.

import { AthanorError } from "../errors.js";
import { openBatches, type TableOptions } from "./formats.js";
import { type Batches, collectRows, type Row, streamRows } from "./rows.js";
import { type FileLike, shown } from "./text-source.js";

/**
 * Streams the rows of a file, or of several files one after another, plain or gzipped; the extension chooses the
 * reader: `.csv`, `.tsv`, `.jsonl` (`.ndjson`), `.json`, `.txt`, `.parquet`, `.conll` (`.bio`, `.iob`), `.conllu`,
 * each also with `.gz`; `format` names it where the extension does not, as for `"squad"` and `"glue"`. Memory stays
 * small however large the file (Parquet: a row group); the event loop gets its turn about every 2 ms. Leaving the
 * loop early closes the file.
 *
 * Throws what the readers (`readCsv`, ...) reject with; ERR_ARGUMENT for an unknown extension.
 *
 * @example
 * for await (const row of readRows("train.csv.gz")) console.log(row.text);
 */
export async function* readRows<T extends object = Row>(
  files: FileLike | readonly FileLike[],
  options: TableOptions = {},
): AsyncGenerator<T, void, undefined> {
  for await (const row of streamRows(allBatches(files, options))) yield row as T;
}

/**
 * Reads whole files into one array of rows, with the reader that the extension names. See `readRows`.
 *
 * @example
 * const rows = await readTable("train.tsv.gz", { types: { label: "integer" } });
 */
export async function readTable<T extends object = Row>(
  files: FileLike | readonly FileLike[],
  options: TableOptions = {},
): Promise<T[]> {
  return (await collectRows(allBatches(files, options))) as T[];
}

async function* allBatches(files: FileLike | readonly FileLike[], options: TableOptions): Batches {
  const list = Array.isArray(files) ? (files as readonly FileLike[]) : [files as FileLike];
  if (list.length === 0) {
    throw new AthanorError("ERR_ARGUMENT", `data: files must be at least one file, got ${shown(files)}`);
  }
  for (const file of list) yield* openBatches(file, options);
}
