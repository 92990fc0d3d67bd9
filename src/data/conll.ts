// CoNLL files: one token per line with its labels in further columns, blank lines between sentences (CoNLL-2000,
// CoNLL-2003, WNUT-17, GermEval, Weibo NER).

import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow, type TypedColumn } from "./column-types.js";
import { collectRows, type Row, type RowParser, setOwn, textBatches } from "./rows.js";
import { Sentences, type TokenLine } from "./sentences.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readConll`. */
export interface ConllOptions extends BadRowOptions {
  /**
   * Names of the columns in the file's order; null leaves one out. Default by their number: 2 are `tokens`,
   * `tags`; 3 are `tokens`, `pos_tags`, `chunk_tags` (CoNLL-2000); 4 have `ner_tags` besides (CoNLL-2003).
   */
  columns?: (string | null)[];
  /** One character, or `"blanks"` for any run of blanks. Default: tabs in a line with a tab, else blanks. */
  separator?: string;
  /** Lines that begin with this are passed over. Default none: `#` begins many a token. */
  comment?: string;
  /** Types of columns: a list of class names turns tags into their numbers. */
  types?: Record<string, ColumnType>;
}

const DEFAULT_COLUMNS: Record<number, string[]> = {
  2: ["tokens", "tags"],
  3: ["tokens", "pos_tags", "chunk_tags"],
  4: ["tokens", "pos_tags", "chunk_tags", "ner_tags"],
};

/**
 * Reads a CoNLL file, plain or gzipped: a row per sentence, each column an array with an entry per token.
 * Lines that begin with the mark `-DOCSTART-` are passed over.
 *
 * Rejects with ERR_DATA for a file that is missing, empty, not UTF-8 or a damaged gzip, and, unless
 * `onBadRow: "skip"` (which leaves out the sentence), for a line with other than the needed number of fields or an
 * empty one, or a value that is not of its column's type. ERR_ARGUMENT for wrong options.
 *
 * @example
 * const [row] = await readConll("wnut17train.conll.gz"); // { tokens: ["@paulwalk", "It", ...], tags: ["O", ...] }
 */
export async function readConll<T extends object = Row>(
  file: FileLike,
  options: ConllOptions = {},
): Promise<T[]> {
  return (await collectRows(textBatches(file, new ConllParser(file, options)))) as T[];
}

/** The parser behind `readConll` and `readRows`. */
export class ConllParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: TypedColumn[];
  readonly #separator: string | undefined;
  readonly #comment: string | undefined;
  readonly #sentences: Sentences;
  #columns: (string | null)[] | undefined;

  constructor(file: FileLike, options: ConllOptions) {
    this.bad = new BadRows(pathOf(file), options);
    this.#types = checkedTypes(options.types);
    this.#columns = checkedColumns(options.columns);
    this.#separator = checkedSeparator(options.separator);
    this.#comment = options.comment;
    if (this.#comment !== undefined && (typeof this.#comment !== "string" || this.#comment === "")) {
      const came = shown(this.#comment);
      throw new AthanorError(
        "ERR_ARGUMENT",
        `data: comment must be a string of at least one sign, got ${came}`,
      );
    }
    this.#sentences = new Sentences(this.bad, (lines) => this.#row(lines));
  }

  push(piece: string, final: boolean): Row[] {
    return this.#sentences.push(piece, final);
  }

  #row(all: TokenLine[]): Row | undefined {
    const comment = this.#comment;
    const isMark = (text: string): boolean =>
      text.startsWith("-DOCSTART-") || (comment !== undefined && text.startsWith(comment));
    const lines = all.filter(({ text }) => !isMark(text));
    if (lines.length === 0) return undefined;
    this.#columns ??= this.#defaultColumns(lines[0]);
    const columns = this.#columns;
    const lists = columns.map((): string[] => []);
    for (const line of lines) {
      const fields = this.#fields(line, columns);
      if (fields === undefined) return undefined;
      for (let i = 0; i < fields.length; i++) lists[i].push(fields[i]);
    }
    const row: Row = {};
    columns.forEach((name, i) => {
      if (name !== null) setOwn(row, name, lists[i]);
    });
    return convertRow(row, this.#types, lines[0].line, this.bad) ? row : undefined;
  }

  #fields({ text, line }: TokenLine, columns: (string | null)[]): string[] | undefined {
    const fields = this.#split(text);
    if (fields.length !== columns.length) {
      const names = columns.map((name) => name ?? "-").join(", ");
      this.bad.add(
        line,
        undefined,
        `needs ${columns.length} fields (${names}), got ${fields.length}: ${shown(text)}`,
      );
      return undefined;
    }
    const empty = fields.indexOf("");
    if (empty === -1) return fields;
    this.bad.add(
      line,
      columns[empty] ?? empty + 1,
      `needs a token or label, got an empty field: ${shown(text)}`,
    );
    return undefined;
  }

  #split(text: string): string[] {
    const separator = this.#separator ?? (text.includes("\t") ? "\t" : "blanks");
    if (separator !== "blanks") return text.split(separator);
    return text.split(/[ \t]+/).filter((field) => field !== "");
  }

  #defaultColumns(first: TokenLine): string[] {
    const { length } = this.#split(first.text);
    const columns = DEFAULT_COLUMNS[length];
    if (columns !== undefined) return columns;
    const needed = "needs 2, 3 or 4 fields, or the option columns that names them (null leaves one out)";
    throw this.bad.error(first.line, undefined, `${needed}, got ${length}: ${shown(first.text)}`);
  }
}

function checkedColumns(columns: (string | null)[] | undefined): (string | null)[] | undefined {
  if (columns === undefined) return undefined;
  const fit = Array.isArray(columns) && columns.every((name) => name === null || typeof name === "string");
  const names = fit ? columns.filter((name) => name !== null) : [];
  if (names.length > 0 && new Set(names).size === names.length) return [...columns];
  const needed = "different names, or null for one to leave out";
  throw new AthanorError("ERR_ARGUMENT", `data: columns must be ${needed}, got ${shown(columns)}`);
}

function checkedSeparator(separator: string | undefined): string | undefined {
  if (separator === undefined || separator === "blanks") return separator;
  if (typeof separator === "string" && separator.length === 1 && !/[\r\n]/.test(separator)) return separator;
  const needed = 'one character, or "blanks"';
  throw new AthanorError("ERR_ARGUMENT", `data: separator must be ${needed}, got ${shown(separator)}`);
}
