// One entry for every kind of file: the reader is chosen by the file's name or by an option.

import { AthanorError } from "../errors.js";
import { type CsvOptions, CsvParser } from "./csv.js";
import { type JsonOptions, JsonParser } from "./json.js";
import { JsonlParser } from "./jsonl.js";
import { collectRows, type Row, type RowParser, streamRows } from "./rows.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readRows` and `readTable`: those of the readers; each takes what concerns it. */
export interface TableOptions extends CsvOptions, JsonOptions {
  /** The kind of file, where its name does not tell. */
  format?: "csv" | "tsv" | "jsonl" | "json";
}

const FORMATS = ["csv", "tsv", "jsonl", "json"] as const;

/**
 * Streams the rows of a CSV, TSV, JSON Lines or JSON file, plain or gzipped, chosen by its extension: `.csv`,
 * `.tsv`, `.jsonl` (`.ndjson`), `.json`, each also with `.gz`. Memory stays small however large the file; the
 * event loop gets its turn about every 2 ms. Leaving the loop early closes the file.
 *
 * Throws what `readCsv`, `readJsonl` and `readJson` reject with; ERR_ARGUMENT for an unknown extension.
 *
 * @example
 * for await (const row of readRows("train.csv.gz")) console.log(row.text);
 */
export async function* readRows<T extends object = Row>(
  file: FileLike,
  options: TableOptions = {},
): AsyncGenerator<T, void, undefined> {
  for await (const row of streamRows(file, parserFor(file, options))) yield row as T;
}

/**
 * Reads a whole file into an array of rows, with the reader that its extension names. See `readRows`.
 *
 * @example
 * const rows = await readTable("train.tsv.gz", { types: { label: "integer" } });
 */
export async function readTable<T extends object = Row>(
  file: FileLike,
  options: TableOptions = {},
): Promise<T[]> {
  return (await collectRows(file, parserFor(file, options))) as T[];
}

function parserFor(file: FileLike, options: TableOptions): RowParser {
  switch (formatOf(pathOf(file), options.format)) {
    case "csv":
      return new CsvParser(file, options);
    case "tsv":
      return new CsvParser(file, { ...options, separator: options.separator ?? "\t" });
    case "jsonl":
      return new JsonlParser(file, options);
    case "json":
      return new JsonParser(file, options);
  }
}

function formatOf(path: string, format: TableOptions["format"]): (typeof FORMATS)[number] {
  if (format !== undefined) {
    if (FORMATS.includes(format)) return format;
    throw new AthanorError(
      "ERR_ARGUMENT",
      `data: format must be one of ${FORMATS.join(", ")}, got ${shown(format)}`,
    );
  }
  const extension = /\.(csv|tsv|jsonl|ndjson|json)(?:\.gz)?$/i.exec(path)?.[1].toLowerCase();
  if (extension === "ndjson") return "jsonl";
  if (extension !== undefined) return extension as (typeof FORMATS)[number];
  const needed =
    "a name ending in .csv, .tsv, .jsonl, .ndjson or .json (or .gz after it), or the option format";
  throw new AthanorError("ERR_ARGUMENT", `data: file needs ${needed}, got ${path}`);
}
