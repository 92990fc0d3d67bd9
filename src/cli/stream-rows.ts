// Rows as they come: of a file, or of standard input.
import { createInterface } from "node:readline";
import { parse } from "csv-parse";
import { type Row, readRows } from "../data/index.js";
import { AthanorError } from "../errors.js";
import type { TaskEntry, TaskSettings } from "../tasks/entry.js";
import { usage } from "./errors.js";
import { type ReadingOptions, readingOf } from "./rows.js";

/** The name that stands for standard input. */
export const STDIN = "-";

/** The rows of a file. */
export function fileRows(
  file: string,
  entry: TaskEntry,
  settings: TaskSettings,
  reading: ReadingOptions,
): AsyncIterable<Row> {
  return readRows(file, readingOf(entry, settings, file, reading));
}

/** The rows of standard input: JSON Lines, lines of text, CSV or TSV. @throws ERR_ARGUMENT, ERR_DATA with the line */
export function stdinRows({ format = "jsonl", columns }: ReadingOptions): AsyncIterable<Row> {
  if (format === "csv" || format === "tsv") {
    const delimiter = format === "csv" ? "," : "\t";
    return process.stdin.pipe(
      parse({ columns: columns ?? true, bom: true, delimiter }),
    ) as AsyncIterable<Row>;
  }
  if (format === "text") return lineRows((text) => ({ text }));
  if (format === "jsonl") return lineRows(jsonRow);
  throw usage("--format of standard input must be jsonl, text, csv or tsv", format);
}

async function* lineRows(rowOf: (line: string, number: number) => Row): AsyncGenerator<Row> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() !== "") yield rowOf(line, number);
  }
}

function jsonRow(line: string, number: number): Row {
  let came: string;
  try {
    const row = JSON.parse(line);
    if (typeof row === "object" && row !== null && !Array.isArray(row)) return row;
    came = line.slice(0, 60);
  } catch (error) {
    came = (error as Error).message;
  }
  throw new AthanorError("ERR_DATA", `standard input, line ${number}: must be a JSON object, got ${came}`);
}
