// JSON Lines: one object per line.

import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow, type TypedColumn } from "./column-types.js";
import { jsonRow } from "./json-row.js";
import { Lines } from "./lines.js";
import { collectRows, type Row, type RowParser, textBatches } from "./rows.js";
import { type FileLike, pathOf } from "./text-source.js";

/** Options of `readJsonl`. */
export interface JsonlOptions extends BadRowOptions {
  /** Types of columns, which every row must then have; strings and numbers are converted. */
  types?: Record<string, ColumnType>;
}

/**
 * Reads a JSON Lines file, plain or gzipped, into an array of rows. Blank lines are passed over.
 *
 * Rejects with ERR_DATA (naming file, line and column) for a file that is missing, empty, not UTF-8 or a
 * damaged gzip, and, unless `onBadRow: "skip"`, for a line that is not one JSON object.
 *
 * @example
 * const rows = await readJsonl("papers.jsonl.gz"); // [{ source: ["..."], target: "..." }]
 */
export async function readJsonl<T extends object = Row>(
  file: FileLike,
  options: JsonlOptions = {},
): Promise<T[]> {
  return (await collectRows(textBatches(file, new JsonlParser(file, options)))) as T[];
}

/** The parser behind `readJsonl` and `readRows`. */
export class JsonlParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: TypedColumn[];
  readonly #lines: Lines;

  constructor(file: FileLike, options: JsonlOptions) {
    this.bad = new BadRows(pathOf(file), options);
    this.#types = checkedTypes(options.types);
    this.#lines = new Lines(this.bad);
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    this.#lines.push(piece, final, (text, line) => {
      if (text.trim() === "") return;
      const row = jsonRow(text, { line, column: 1 }, this.bad);
      if (row === undefined || !convertRow(row, this.#types, line, this.bad)) return;
      this.bad.place(row, line);
      rows.push(row);
    });
    return rows;
  }
}
