// What happens to a row that cannot be read: an error that names file, line and column, or a note in a
// report when the caller chose to skip such rows.

import { AthanorError } from "../errors.js";

/** Why one row was left out. Lines and columns count from 1; a column is a name or a character position. */
export interface SkippedRow {
  /** The line; of a Parquet file, which has none, the row. */
  line: number;
  column?: string | number;
  /** The whole message that `onBadRow: "throw"` would have thrown. */
  message: string;
}

/** What `onSkip` receives, once, when the reading of a file ends and rows were left out. */
export interface SkipReport {
  file: string;
  /** How many rows were left out. */
  count: number;
  /** The first of them, at most ten. */
  reasons: SkippedRow[];
}

/** What to do with bad rows; part of the options of every reader. */
export interface BadRowOptions {
  /** `"throw"` (default) stops at the first bad row; `"skip"` leaves bad rows out. */
  onBadRow?: "throw" | "skip";
  /** Receives a report when rows were skipped. Not called when every row was good. */
  onSkip?: (report: SkipReport) => void;
  /** Receives where each row stands, such as `"train.csv line 7"`, for messages about rows that have been read. */
  rowPlaces?: WeakMap<object, string>;
}

const REASONS_KEPT = 10;

/** Collects, or throws, the bad rows of one file. */
export class BadRows {
  readonly file: string;
  readonly #unit: "line" | "row";
  readonly #skip: boolean;
  readonly #onSkip: BadRowOptions["onSkip"];
  readonly #places: BadRowOptions["rowPlaces"];
  readonly #reasons: SkippedRow[] = [];
  #count = 0;

  constructor(file: string, options: BadRowOptions, unit: "line" | "row" = "line") {
    const { onBadRow = "throw", onSkip, rowPlaces } = options;
    if (onBadRow !== "throw" && onBadRow !== "skip") {
      throw new AthanorError("ERR_ARGUMENT", `data: onBadRow must be "throw" or "skip", got ${onBadRow}`);
    }
    if (onSkip !== undefined && typeof onSkip !== "function") {
      throw new AthanorError("ERR_ARGUMENT", `data: onSkip must be a function, got ${typeof onSkip}`);
    }
    if (rowPlaces !== undefined && !(typeof rowPlaces === "object" && "set" in Object(rowPlaces))) {
      throw new AthanorError("ERR_ARGUMENT", `data: rowPlaces must be a WeakMap, got ${typeof rowPlaces}`);
    }
    this.file = file;
    this.#unit = unit;
    this.#skip = onBadRow === "skip";
    this.#onSkip = onSkip;
    this.#places = rowPlaces;
  }

  /** Notes where a good row begins. */
  place(row: object, line: number): void {
    this.#places?.set(row, `${this.file} ${this.#unit} ${line}`);
  }

  /** An error at a place in the file, for what no skipping can mend. */
  error(line: number, column: string | number | undefined, reason: string): AthanorError {
    const where =
      column === undefined ? "" : `, column ${typeof column === "string" ? `"${column}"` : column}`;
    return new AthanorError("ERR_DATA", `${this.file} ${this.#unit} ${line}${where}: ${reason}`);
  }

  /** Notes a bad row, or throws. */
  add(line: number, column: string | number | undefined, reason: string): void {
    const error = this.error(line, column, reason);
    if (!this.#skip) throw error;
    this.#count++;
    if (this.#reasons.length < REASONS_KEPT) this.#reasons.push({ line, column, message: error.message });
  }

  /** Hands over the report; the reader calls it once, also when the caller stopped early. */
  report(): void {
    if (this.#count === 0) return;
    this.#onSkip?.({ file: this.file, count: this.#count, reasons: this.#reasons });
  }
}
