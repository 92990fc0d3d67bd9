// Plain text: a row per line, per paragraph, or for the whole file.

import { AthanorError } from "../errors.js";
import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { Lines } from "./lines.js";
import { collectRows, type Row, type RowParser, textBatches } from "./rows.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readPlainText`. */
export interface PlainTextOptions extends BadRowOptions {
  /**
   * What a row is: `"line"` (default; blank lines too, as `""`), `"paragraph"` (lines up to the next blank ones,
   * joined by line feeds) or `"document"` (the whole file).
   */
  sampleBy?: "line" | "paragraph" | "document";
}

const SAMPLES = ["line", "paragraph", "document"];

/**
 * Reads a text file, plain or gzipped, into rows `{ text }`. Line ends LF and CRLF are not part of a line; a
 * document keeps its own as they are.
 *
 * Rejects with ERR_DATA for a file that is missing, empty, not UTF-8 or a damaged gzip, and for a line of more
 * than 16 Mi characters; with ERR_ARGUMENT for wrong options.
 *
 * @example
 * const lines = await readPlainText("wiki.txt.gz"); // [{ text: " = Robert Boulter = " }, ...]
 */
export async function readPlainText(
  file: FileLike,
  options: PlainTextOptions = {},
): Promise<{ text: string }[]> {
  return (await collectRows(textBatches(file, new PlainTextParser(file, options)))) as { text: string }[];
}

/** The parser behind `readPlainText` and `readRows`. */
export class PlainTextParser implements RowParser {
  readonly bad: BadRows;
  readonly #sampleBy: string;
  readonly #lines: Lines;
  /** Lines of the paragraph, or pieces of the document, that is not complete yet, and where it began. */
  #parts: string[] = [];
  #first = 1;

  constructor(file: FileLike, options: PlainTextOptions) {
    this.bad = new BadRows(pathOf(file), options);
    const { sampleBy = "line" } = options;
    if (!SAMPLES.includes(sampleBy)) {
      const needed = `one of ${SAMPLES.join(", ")}`;
      throw new AthanorError("ERR_ARGUMENT", `data: sampleBy must be ${needed}, got ${shown(sampleBy)}`);
    }
    this.#sampleBy = sampleBy;
    this.#lines = new Lines(this.bad);
  }

  push(piece: string, final: boolean): Row[] {
    const rows: Row[] = [];
    if (this.#sampleBy === "document") {
      this.#parts.push(piece);
      if (final) this.#close("", rows);
      return rows;
    }
    this.#lines.push(piece, final, (line, number) => {
      if (this.#parts.length === 0) this.#first = number;
      const blank = line.trim() === "";
      if (this.#sampleBy === "line" || !blank) this.#parts.push(line);
      if (this.#sampleBy === "line" || blank) this.#close("\n", rows);
    });
    if (final) this.#close("\n", rows);
    return rows;
  }

  #close(joint: string, rows: Row[]): void {
    if (this.#parts.length === 0) return;
    const row = { text: this.#parts.join(joint) };
    this.bad.place(row, this.#first);
    rows.push(row);
    this.#parts = [];
  }
}
