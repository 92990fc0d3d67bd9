// Collects the lines of a sentence, for formats with one token per line and blank lines between sentences.

import type { BadRows } from "./bad-rows.js";
import { Lines } from "./lines.js";
import { MAX_ROW_LENGTH, type Row } from "./rows.js";

/** One line of a sentence. */
export interface TokenLine {
  text: string;
  /** Its number in the file, from 1. */
  line: number;
}

// Not trim(): a no-break space or an ideographic one is a token of real data.
const BLANK = /^[ \t]*$/;

/** Hands over whole sentences, piece of text after piece. */
export class Sentences {
  readonly #bad: BadRows;
  readonly #lines: Lines;
  readonly #row: (lines: TokenLine[]) => Row | undefined;
  #waiting: TokenLine[] = [];
  #size = 0;

  /** `row` makes a row of a sentence's lines, at least one; undefined where there is none to make. */
  constructor(bad: BadRows, row: (lines: TokenLine[]) => Row | undefined) {
    this.#bad = bad;
    this.#lines = new Lines(bad);
    this.#row = row;
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    this.#lines.push(piece, final, (text, line) => {
      if (BLANK.test(text)) this.#close(rows);
      else this.#add(text, line);
    });
    if (final) this.#close(rows);
    return rows;
  }

  #add(text: string, line: number): void {
    this.#size += text.length;
    if (this.#size > MAX_ROW_LENGTH) {
      const reason = `needs a blank line after at most ${MAX_ROW_LENGTH} characters, got more without one`;
      throw this.#bad.error(this.#waiting[0].line, undefined, reason);
    }
    this.#waiting.push({ text, line });
  }

  #close(rows: Row[]): void {
    const row = this.#waiting.length > 0 ? this.#row(this.#waiting) : undefined;
    if (row !== undefined) {
      this.#bad.place(row, this.#waiting[0].line);
      rows.push(row);
    }
    this.#waiting = [];
    this.#size = 0;
  }
}
