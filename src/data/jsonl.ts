// JSON Lines: one object per line.

import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes } from "./column-types.js";
import { jsonRow } from "./json-row.js";
import { collectRows, MAX_ROW_LENGTH, PendingText, type Row, type RowParser } from "./rows.js";
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
  return (await collectRows(file, new JsonlParser(file, options))) as T[];
}

/** The parser behind `readJsonl` and `readRows`. */
export class JsonlParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: [string, ColumnType][];
  readonly #pending = new PendingText();
  #line = 1;

  constructor(file: FileLike, options: JsonlOptions) {
    this.bad = new BadRows(pathOf(file), options);
    this.#types = checkedTypes(options.types);
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    const text = this.#pending.add(piece, final);
    if (text === undefined) return rows;
    let at = 0;
    while (at < text.length) {
      const newline = text.indexOf("\n", at);
      if (newline === -1 && !final) break;
      const end = newline === -1 ? text.length : newline;
      const line = text.slice(at, end);
      if (line.trim() !== "") {
        const row = jsonRow(line, { line: this.#line, column: 1 }, this.#types, this.bad);
        if (row !== undefined) rows.push(row);
      }
      at = end + 1;
      this.#line++;
    }
    if (text.length - at > MAX_ROW_LENGTH) {
      const reason = `needs lines of at most ${MAX_ROW_LENGTH} characters, got a longer one`;
      throw this.bad.error(this.#line, undefined, reason);
    }
    this.#pending.keep(text.slice(at));
    return rows;
  }
}
