// Comma and tab separated files: options, header, and the check that every row has the header's columns.
// The text is taken apart by csv-parse. Its own checks and line numbers are not used: skipping a wrong quote,
// it loses good rows behind it, and it counts each quoted CRLF as two lines.

import { finished } from "node:stream/promises";
import { CsvError, Parser } from "csv-parse";
import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow, type TypedColumn } from "./column-types.js";
import {
  collectRows,
  countNewlines,
  MAX_ROW_LENGTH,
  type Row,
  type RowParser,
  setOwn,
  textBatches,
} from "./rows.js";
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
 * only a header gives `[]`. Lines end in LF or CRLF; a quote inside an unquoted field stands for itself.
 *
 * Rejects with ERR_DATA (naming file, column, and the line on which the row begins) for a file that is
 * missing, empty, not UTF-8 or a damaged gzip, and, unless `onBadRow: "skip"`, for a row with other than the
 * header's number of fields, text after a closing quote, or a value that is not of its column's type. A quote
 * that is never closed, or a row of more than 16 MiB, is an error even then: where the next row begins is
 * anyone's guess. ERR_ARGUMENT for wrong options.
 *
 * @example
 * const rows = await readCsv("reviews.csv", { types: { stars: "integer" } }); // [{ text: "Fine", stars: 4 }]
 */
export async function readCsv<T extends object = CsvRow>(
  file: FileLike,
  options: CsvOptions = {},
): Promise<T[]> {
  return (await collectRows(textBatches(file, new CsvParser(file, options)))) as T[];
}

function checkedDialect(path: string, options: CsvOptions): { separator: string; quote: boolean } {
  const { separator = /\.tsv(\.gz)?$/i.test(path) ? "\t" : ",", quote = separator !== "\t" } = options;
  if (typeof separator !== "string" || separator.length !== 1 || /["\r\n]/.test(separator)) {
    const needed = "one character, not a quote or a line end";
    throw new AthanorError("ERR_ARGUMENT", `data: separator must be ${needed}, got ${shown(separator)}`);
  }
  if (typeof quote !== "boolean") {
    throw new AthanorError("ERR_ARGUMENT", `data: quote must be true or false, got ${shown(quote)}`);
  }
  return { separator, quote };
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

/** How another reader of such files, such as GLUE's, uses the parser. */
export interface CsvShape {
  /** The columns of a file whose first record is a row; undefined when it is a header. */
  headless?: (first: string[]) => string[] | undefined;
  /** Sees the header's columns; throws when they are not those that are needed. */
  header?: (columns: string[], line: number, bad: BadRows) => void;
  /** Makes the row; undefined when it is bad. `number` counts the rows of the file from 0, bad ones too. */
  row?: (row: Row, place: { line: number; number: number }, bad: BadRows) => Row | undefined;
}

/** What csv-parse makes of a record, and how that is written in the file. */
interface Found {
  record: string[];
  raw: string;
}

/** The parser behind `readCsv` and `readRows`. */
export class CsvParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: TypedColumn[];
  readonly #quote: boolean;
  readonly #parser: Parser;
  readonly #shape: CsvShape;
  readonly #found: Found[] = [];
  #columns: string[] | undefined;
  /** The line behind the last record. */
  #line = 1;
  /** Rows so far, bad ones too. */
  #number = -1;

  constructor(file: FileLike, options: CsvOptions, shape: CsvShape = {}) {
    const path = pathOf(file);
    this.#shape = shape;
    this.bad = new BadRows(path, options);
    const { separator, quote } = checkedDialect(path, options);
    this.#quote = quote;
    this.#types = checkedTypes(options.types);
    this.#columns = checkedColumns(options.columns);
    if (this.#columns !== undefined) this.#checkTypedColumns(this.#columns, 1);
    this.#parser = new Parser({
      delimiter: separator,
      quote: quote ? '"' : null,
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: MAX_ROW_LENGTH,
      raw: true,
    });
    this.#parser.on("data", (found: Found) => this.#found.push(found));
    // The calls of write and finished reject with it.
    this.#parser.on("error", () => {});
  }

  async push(text: string, final: boolean): Promise<Row[]> {
    const fault = await this.#parse(text, final).catch((error: Error) => error);
    const rows: Row[] = [];
    for (const found of this.#found.splice(0)) {
      const row = this.#record(found);
      if (row !== undefined) rows.push(row);
    }
    if (fault !== undefined) throw this.#fatal(fault);
    return rows;
  }

  async #parse(text: string, final: boolean): Promise<void> {
    if (final) {
      this.#parser.end(text);
      return await finished(this.#parser);
    }
    await new Promise<void>((resolve, reject) => {
      this.#parser.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  #fatal(error: Error): Error {
    if (!(error instanceof CsvError)) return error;
    const line = this.#line + blankLinesBefore(error.raw as string);
    if (error.code === "CSV_QUOTE_NOT_CLOSED") {
      const column = this.#columns?.[error.index as number];
      return this.bad.error(line, column, "an opening quote needs a closing one, got the end of the file");
    }
    const reason = `needs rows of at most ${MAX_ROW_LENGTH} bytes, got more (a quote left open?)`;
    return this.bad.error(line, undefined, error.code === "CSV_MAX_RECORD_SIZE" ? reason : error.message);
  }

  #record({ record: fields, raw }: Found): Row | undefined {
    const line = this.#line + blankLinesBefore(raw);
    this.#line = fields.reduce((after, field) => after + countNewlines(field), line + 1);
    const broken = this.#quote ? fields.findIndex((field) => hasBrokenQuote(field, raw)) : -1;
    if (broken !== -1) {
      const reason = `a closing quote needs a separator or a line end after it, got ${shown(fields[broken])}`;
      if (this.#columns === undefined) throw this.bad.error(line, undefined, reason);
      this.bad.add(line, this.#columns[broken], reason);
      return undefined;
    }
    this.#columns ??= this.#shape.headless?.(fields);
    if (this.#columns !== undefined) return this.#row(fields, this.#columns, line);
    this.#columns = this.#header(fields, line);
    return undefined;
  }

  #row(fields: string[], columns: string[], line: number): Row | undefined {
    this.#number++;
    if (fields.length !== columns.length) {
      const names = columns.length > 8 ? "" : ` (${columns.join(", ")})`;
      this.bad.add(line, undefined, `needs ${columns.length} fields${names}, got ${fields.length}`);
      return undefined;
    }
    const row: Row = {};
    for (let i = 0; i < columns.length; i++) setOwn(row, columns[i], fields[i]);
    if (!convertRow(row, this.#types, line, this.bad)) return undefined;
    const made = this.#shape.row ? this.#shape.row(row, { line, number: this.#number }, this.bad) : row;
    if (made !== undefined) this.bad.place(made, line);
    return made;
  }

  #header(fields: string[], line: number): string[] {
    const twice = fields.find((name, index) => fields.indexOf(name) !== index);
    if (twice !== undefined) {
      throw this.bad.error(line, twice, "needs different column names, got this one twice");
    }
    this.#checkTypedColumns(fields, line);
    this.#shape.header?.(fields, line, this.bad);
    return fields;
  }

  #checkTypedColumns(columns: string[], line: number): void {
    for (const { column } of this.#types) {
      if (columns.includes(column)) continue;
      throw this.bad.error(line, column, `types names this column, the file has ${columns.join(", ")}`);
    }
  }
}

/** csv-parse puts one character before a record for each blank line that it skipped. */
function blankLinesBefore(raw: string): number {
  return raw.search(/[^\r\n]|$/);
}

/**
 * csv-parse hands out `"x"y` as it stands, quotes included. A field that rightly begins with a quote is
 * told from that by how it is written in the file: in quotes, with its own ones doubled.
 */
function hasBrokenQuote(field: string, raw: string): boolean {
  return field.startsWith('"') && !raw.includes(`"${field.replaceAll('"', '""')}"`);
}
