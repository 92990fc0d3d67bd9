// Comma and tab separated files: options, header, and the check that every row has the header's columns.

import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow } from "./column-types.js";
import { type CsvRecord, countNewlines, type Dialect, scanRecord } from "./csv-record.js";
import { collectRows, MAX_ROW_LENGTH, PendingText, type Row, type RowParser, setOwn } from "./rows.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readCsv`. */
export interface CsvOptions extends BadRowOptions {
  /** Names of the columns, for a file without a header line. */
  columns?: string[];
  /** One character; default `","`, and a tab for files named `.tsv` or `.tsv.gz`. */
  separator?: string;
  /** Default true: fields may stand in double quotes. Default false where the separator is a tab. */
  quote?: boolean;
  /** Types of columns; the others stay strings. */
  types?: Record<string, ColumnType>;
}

/** One row of a CSV file. */
export type CsvRow = Record<string, string | number | boolean>;

/**
 * Reads a CSV or TSV file, plain or gzipped, into an array of rows. Blank lines are passed over; a file with
 * only a header gives `[]`.
 *
 * Rejects with ERR_DATA (naming file, line and column) for a file that is missing, empty, not UTF-8 or a
 * damaged gzip, and, unless `onBadRow: "skip"`, for a row with other than the header's number of fields, a
 * wrong quote, or a value that is not of its column's type. ERR_ARGUMENT for wrong options.
 *
 * @example
 * const rows = await readCsv("reviews.csv", { types: { stars: "integer" } }); // [{ text: "Fine", stars: 4 }]
 */
export async function readCsv<T extends object = CsvRow>(
  file: FileLike,
  options: CsvOptions = {},
): Promise<T[]> {
  return (await collectRows(file, new CsvParser(file, options))) as T[];
}

function checkedDialect(path: string, options: CsvOptions): Dialect {
  const { separator = /\.tsv(\.gz)?$/i.test(path) ? "\t" : ",", quote = separator !== "\t" } = options;
  if (typeof separator !== "string" || separator.length !== 1 || /["\r\n]/.test(separator)) {
    const needed = "one character, not a quote or a line end";
    throw new AthanorError("ERR_ARGUMENT", `data: separator must be ${needed}, got ${shown(separator)}`);
  }
  if (typeof quote !== "boolean") {
    throw new AthanorError("ERR_ARGUMENT", `data: quote must be true or false, got ${shown(quote)}`);
  }
  return { separator, quote: quote ? '"' : "" };
}

function checkedColumns(columns: string[] | undefined): string[] | undefined {
  if (columns === undefined) return undefined;
  const fit =
    Array.isArray(columns) && columns.length > 0 && columns.every((name) => typeof name === "string");
  if (!fit || new Set(columns).size !== columns.length) {
    throw new AthanorError("ERR_ARGUMENT", `data: columns must be different names, got ${shown(columns)}`);
  }
  return [...columns];
}

/** The parser behind `readCsv` and `readRows`. */
export class CsvParser implements RowParser {
  readonly bad: BadRows;
  readonly #dialect: Dialect;
  readonly #types: [string, ColumnType][];
  readonly #pending = new PendingText();
  #columns: string[] | undefined;
  #line = 1;

  constructor(file: FileLike, options: CsvOptions) {
    const path = pathOf(file);
    this.bad = new BadRows(path, options);
    this.#dialect = checkedDialect(path, options);
    this.#types = checkedTypes(options.types);
    this.#columns = checkedColumns(options.columns);
    if (this.#columns !== undefined) this.#checkTypedColumns(this.#columns);
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    const text = this.#pending.add(piece, final);
    if (text === undefined) return rows;
    let at = 0;
    while (at < text.length) {
      const found = scanRecord(text, at, final, this.#dialect) ?? this.#tooLong(text, at);
      if (found === undefined) break;
      if ("fields" in found) {
        const row = this.#row(found);
        if (row !== undefined) rows.push(row);
        at = found.end;
        this.#line += found.lines;
      } else {
        this.#fault(text, at, found.at, found.reason);
        // Read on after the first line of the bad row: a stray quote then costs one row, not the file.
        const newline = text.indexOf("\n", at);
        at = newline === -1 ? text.length : newline + 1;
        this.#line++;
      }
    }
    this.#pending.keep(text.slice(at));
    return rows;
  }

  #tooLong(text: string, at: number): { at: number; reason: string } | undefined {
    if (text.length - at <= MAX_ROW_LENGTH) return undefined;
    const reason = `needs rows of at most ${MAX_ROW_LENGTH} characters, got more (a quote left open?)`;
    if (!text.includes("\n", at)) throw this.bad.error(this.#line, undefined, reason);
    return { at, reason };
  }

  #fault(text: string, start: number, at: number, reason: string): void {
    const line = this.#line + countNewlines(text, start, at);
    const column = at - (at === 0 ? -1 : text.lastIndexOf("\n", at - 1));
    if (this.#columns === undefined) throw this.bad.error(line, column, reason);
    this.bad.add(line, column, reason);
  }

  #row({ fields }: CsvRecord): Row | undefined {
    if (fields.length === 0) return undefined;
    if (this.#columns === undefined) {
      this.#columns = this.#header(fields);
      return undefined;
    }
    const columns = this.#columns;
    if (fields.length !== columns.length) {
      const names = columns.length > 8 ? "" : ` (${columns.join(", ")})`;
      this.bad.add(this.#line, undefined, `needs ${columns.length} fields${names}, got ${fields.length}`);
      return undefined;
    }
    const row: Row = {};
    for (let i = 0; i < columns.length; i++) setOwn(row, columns[i], fields[i]);
    return convertRow(row, this.#types, this.#line, this.bad) ? row : undefined;
  }

  #header(fields: string[]): string[] {
    const twice = fields.find((name, index) => fields.indexOf(name) !== index);
    if (twice !== undefined) {
      throw this.bad.error(this.#line, twice, "needs different column names, got this one twice");
    }
    this.#checkTypedColumns(fields);
    return fields;
  }

  #checkTypedColumns(columns: string[]): void {
    for (const [column] of this.#types) {
      if (columns.includes(column)) continue;
      throw this.bad.error(this.#line, column, `types names this column, the file has ${columns.join(", ")}`);
    }
  }
}
