// Rows as they come, of a file or of standard input, without those that cannot be read.
import { createInterface } from "node:readline";
import { CsvParser } from "../data/csv.js";
import { type Row, readRows } from "../data/index.js";
import { AthanorError } from "../errors.js";
import type { TaskEntry, TaskSettings } from "../tasks/entry.js";
import { usage } from "./errors.js";
import type { LeftOut } from "./left-out.js";
import { type ReadingOptions, readingOf } from "./rows.js";

/** The name that stands for standard input. */
export const STDIN = "-";

/** What the other rows are called. */
export const STDIN_NAME = "standard input";

/** The rows of a file; what cannot be read is left out and noted. */
export function fileRows(
  file: string,
  entry: TaskEntry,
  settings: TaskSettings,
  reading: ReadingOptions,
  leftOut: LeftOut,
): AsyncIterable<Row> {
  return readRows(file, { ...readingOf(entry, settings, file, reading), ...leftOut.reading });
}

/** The rows of standard input: JSON Lines, lines of text, CSV or TSV. @throws ERR_ARGUMENT for another kind */
export function stdinRows(
  { format = "jsonl", columns }: ReadingOptions,
  leftOut: LeftOut,
): AsyncIterable<Row> {
  if (format === "csv" || format === "tsv") {
    const separator = format === "csv" ? "," : "\t";
    return csvRows(new CsvParser(STDIN_NAME, { columns, separator, ...leftOut.reading }));
  }
  if (format === "text") return lineRows((text) => ({ text }), leftOut);
  if (format === "jsonl") return lineRows(jsonRow, leftOut);
  throw usage("--format of standard input must be jsonl, text, csv or tsv", format);
}

async function* csvRows(parser: CsvParser): AsyncGenerator<Row, void, undefined> {
  const decoder = new TextDecoder();
  try {
    for await (const bytes of process.stdin)
      yield* await parser.push(decoder.decode(bytes, { stream: true }), false);
    yield* await parser.push(decoder.decode(), true);
  } finally {
    parser.bad.report();
  }
}

/** `rowOf` gives a row, or says what came instead. */
async function* lineRows(
  rowOf: (line: string) => Row | string,
  leftOut: LeftOut,
): AsyncGenerator<Row, void, undefined> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === "") continue;
    const row = rowOf(line);
    const place = `${STDIN_NAME} line ${number}`;
    if (typeof row === "string") {
      leftOut.add(new AthanorError("ERR_DATA", `${place}: must be a JSON object, got ${row}`));
      continue;
    }
    leftOut.places.set(row, place);
    yield row;
  }
}

function jsonRow(line: string): Row | string {
  try {
    const row = JSON.parse(line);
    if (typeof row === "object" && row !== null && !Array.isArray(row)) return row;
    return line.slice(0, 60);
  } catch (error) {
    return (error as Error).message;
  }
}
