// JSON documents that hold rows: an array of objects, an array under a member of one object (SQuAD's
// `{ "version": ..., "data": [...] }`), or objects one after another, as many `.json` data sets in fact are.
// The document is cut into rows as it arrives, and each row is parsed on its own.

import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow, type TypedColumn } from "./column-types.js";
import { jsonRow } from "./json-row.js";
import { skipSpace, valueEnd } from "./json-text.js";
import {
  collectRows,
  countNewlines,
  MAX_ROW_LENGTH,
  PendingText,
  type Row,
  type RowParser,
  textBatches,
} from "./rows.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readJson`. */
export interface JsonOptions extends BadRowOptions {
  /** Name of the member of the outermost object that holds the rows, such as `"data"`. */
  field?: string;
  /** Types of columns, which every row must then have; strings and numbers are converted. */
  types?: Record<string, ColumnType>;
}

/**
 * Reads the rows of a JSON file, plain or gzipped: an array of objects, one under `field`, or objects one
 * after another (JSON Lines under another name). Other members beside `field` are passed over.
 *
 * Rejects with ERR_DATA (naming file, line and column) for a file that is missing, empty, not UTF-8, a
 * damaged gzip or not such a document, and, unless `onBadRow: "skip"`, for an element that is not an object.
 *
 * @example
 * const articles = await readJson("train-v2.0.json", { field: "data" }); // [{ title, paragraphs }]
 */
export async function readJson<T extends object = Row>(
  file: FileLike,
  options: JsonOptions = {},
): Promise<T[]> {
  return (await collectRows(textBatches(file, new JsonParser(file, options)))) as T[];
}

type State = "start" | "first" | "element" | "comma" | "name" | "names" | "colon" | "member" | "after member";
type Level = State | "sequence" | "tail";

/** Where a value begins, both from 1. */
export interface Place {
  line: number;
  column: number;
}

/** How another reader of JSON documents, such as SQuAD's, uses the parser. */
export interface Elements {
  /** Makes rows of an element; bad ones are for `bad`. */
  expand: (element: Row, place: Place, bad: BadRows) => Row[];
  /** Whether the document may also be an array when `field` is given. */
  orArray?: boolean;
}

const ROWS: Elements = { expand: (element) => [element] };

/** The parser behind `readJson` and `readRows`. */
export class JsonParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: TypedColumn[];
  readonly #elements: Elements;
  #field: string | undefined;
  readonly #pending = new PendingText();
  readonly #names: string[] = [];
  #state: Level = "start";
  #found = false;
  /** In a sequence the first row waits: if nothing follows, it may be a document that needed `field`. */
  #held: { element: Row; place: Place } | undefined;
  #sequenceRows = 0;
  #text = "";
  #line = 1;
  #column = 1;

  constructor(file: FileLike, options: JsonOptions, elements = ROWS) {
    this.bad = new BadRows(pathOf(file), options);
    this.#elements = elements;
    this.#types = checkedTypes(options.types);
    this.#field = options.field;
    if (this.#field !== undefined && typeof this.#field !== "string") {
      throw new AthanorError("ERR_ARGUMENT", `data: field must be a string, got ${shown(this.#field)}`);
    }
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    const text = this.#pending.add(piece, final);
    if (text === undefined) return rows;
    this.#text = text;
    let at = skipSpace(text, 0);
    while (at < text.length) {
      const next = this.#step(at, final, rows);
      if (next === -1) break;
      at = skipSpace(text, next);
    }
    if (final) this.#finish(at, rows);
    if (text.length - at > MAX_ROW_LENGTH) {
      throw this.#error(at, `needs rows of at most ${MAX_ROW_LENGTH} characters, got a longer one`);
    }
    ({ line: this.#line, column: this.#column } = this.#place(at));
    this.#pending.keep(text.slice(at));
    this.#text = "";
    return rows;
  }

  /** Takes one token or one value; returns the position behind it, or -1 when more text is needed. */
  #step(at: number, final: boolean, rows: Row[]): number {
    const sign = this.#text[at];
    switch (this.#state) {
      case "start":
        return this.#start(at, sign);
      case "first":
        return sign === "]" ? this.#closeRows(at) : this.#element(at, final, rows);
      case "element":
        return this.#element(at, final, rows);
      case "comma":
        return sign === "]" ? this.#closeRows(at) : this.#sign(at, ",", "element", "a comma or ]");
      case "names":
        return sign === "}" ? this.#sign(at, "}", "tail", "") : this.#name(at);
      case "name":
        return this.#name(at);
      case "colon":
        return this.#sign(at, ":", "member", "a colon");
      case "member":
        return this.#member(at, final);
      case "after member":
        return sign === "}" ? this.#sign(at, "}", "tail", "") : this.#sign(at, ",", "name", "a comma or }");
      case "sequence":
        return this.#sequence(at, final, rows);
      case "tail":
        throw this.#error(at, `needs nothing after the document, got ${shown(sign)}`);
    }
  }

  #start(at: number, sign: string): number {
    if (sign === "[" && this.#elements.orArray) this.#field = undefined;
    if (sign === "[" && this.#field === undefined) return this.#sign(at, "[", "first", "");
    if (sign === "{" && this.#field === undefined) {
      this.#state = "sequence";
      return at;
    }
    const needed = this.#field === undefined ? "an array of objects" : `an object with "${this.#field}"`;
    return this.#sign(at, "{", "names", needed);
  }

  #sign(at: number, sign: string, next: Level, needed: string): number {
    if (this.#text[at] !== sign) throw this.#error(at, `needs ${needed}, got ${shown(this.#text[at])}`);
    this.#state = next;
    return at + 1;
  }

  #closeRows(at: number): number {
    this.#state = this.#field === undefined ? "tail" : "after member";
    return at + 1;
  }

  #value(at: number, final: boolean): number {
    if (",:]}".includes(this.#text[at])) throw this.#error(at, `needs a value, got ${shown(this.#text[at])}`);
    return valueEnd(this.#text, at, final);
  }

  #element(at: number, final: boolean, rows: Row[]): number {
    const end = this.#value(at, final);
    if (end === -1) return -1;
    const place = this.#place(at);
    const element = jsonRow(this.#text.slice(at, end), place, this.bad);
    if (element !== undefined) this.#accept(element, place, rows);
    this.#state = "comma";
    return end;
  }

  #name(at: number): number {
    if (this.#text[at] !== '"') throw this.#error(at, `needs a member name, got ${shown(this.#text[at])}`);
    const end = valueEnd(this.#text, at, false);
    if (end === -1) return -1;
    try {
      this.#names.push(JSON.parse(this.#text.slice(at, end)));
    } catch {
      throw this.#error(at, `needs a member name, got ${shown(this.#text.slice(at, end))}`);
    }
    this.#state = "colon";
    return end;
  }

  #member(at: number, final: boolean): number {
    if (this.#names.at(-1) === this.#field) {
      this.#found = true;
      return this.#sign(at, "[", "first", `an array of objects under "${this.#field}"`);
    }
    const end = this.#value(at, final);
    if (end !== -1) this.#state = "after member";
    return end;
  }

  #sequence(at: number, final: boolean, rows: Row[]): number {
    if (this.#text[at] !== "{") throw this.#error(at, `needs another object, got ${shown(this.#text[at])}`);
    const end = this.#value(at, final);
    if (end === -1) return -1;
    const place = this.#place(at);
    const element = jsonRow(this.#text.slice(at, end), place, this.bad);
    if (this.#held !== undefined) this.#accept(this.#held.element, this.#held.place, rows);
    this.#held = undefined;
    if (element === undefined) this.#sequenceRows++;
    else if (++this.#sequenceRows === 1) this.#held = { element, place };
    else this.#accept(element, place, rows);
    return end;
  }

  #accept(element: Row, place: Place, rows: Row[]): void {
    for (const row of this.#elements.expand(element, place, this.bad)) {
      if (!convertRow(row, this.#types, place.line, this.bad)) continue;
      this.bad.place(row, place.line);
      rows.push(row);
    }
  }

  #finish(at: number, rows: Row[]): void {
    const whole = this.#state === "tail" || (this.#state === "sequence" && at === this.#text.length);
    if (!whole) throw this.#error(this.#text.length, "needs a whole JSON document, got the end of the file");
    if (this.#field !== undefined && !this.#found) {
      throw this.#error(
        at,
        `needs a member "${this.#field}", got ${this.#names.slice(0, 8).join(", ") || "none"}`,
      );
    }
    if (this.#held === undefined) return;
    const { element, place } = this.#held;
    const fields = Object.keys(element).filter((name) => isRows(element[name]));
    if (fields.length > 0) {
      throw this.#error(0, `needs the option field to say which member holds the rows: ${fields.join(", ")}`);
    }
    this.#accept(element, place, rows);
  }

  #place(at: number): Place {
    const lines = countNewlines(this.#text, 0, at);
    const column = lines === 0 ? this.#column + at : at - this.#text.lastIndexOf("\n", at - 1);
    return { line: this.#line + lines, column };
  }

  #error(at: number, reason: string): AthanorError {
    const { line, column } = this.#place(at);
    return this.bad.error(line, column, reason);
  }
}

function isRows(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && typeof value[0] === "object" && value[0] !== null;
}
