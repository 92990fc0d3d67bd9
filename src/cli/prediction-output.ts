// Predictions as lines of JSON or as CSV, in a file or on standard output.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { stringify } from "csv-stringify/sync";
import type { Row } from "../data/index.js";
import { AthanorError } from "../errors.js";
import type { Model } from "../models/index.js";
import type { TaskEntry } from "../tasks/entry.js";

export type OutputKind = "jsonl" | "csv";

export interface OutputOptions {
  output?: string;
  to?: OutputKind;
  /** The columns of the rows too. */
  keep?: boolean;
  /** All that a result holds. */
  scores?: boolean;
}

/** Whose results they are. */
export interface OutputContext {
  entry: TaskEntry;
  model: Model;
}

/** Where predictions go. */
export class PredictionOutput {
  #columns: string[] | undefined;

  constructor(
    private readonly stream: Writable,
    private readonly kind: OutputKind,
    private readonly options: OutputOptions,
  ) {}

  /** Writes the results of rows; resolves when the stream takes more. */
  async write(
    results: readonly unknown[],
    rows: readonly Row[],
    { entry, model }: OutputContext,
  ): Promise<void> {
    const { keep, scores } = this.options;
    const records = results.map((result, i) => ({
      // Results that are not one per row (documents cut into blocks) stand alone.
      ...(keep && results.length === rows.length ? rows[i] : {}),
      ...plainResult(result, model, scores ? [] : entry.details),
    }));
    if (records.length === 0) return;
    const text =
      this.kind === "csv" ? this.#csv(records) : records.map((r) => `${JSON.stringify(r)}\n`).join("");
    if (!this.stream.write(text)) await once(this.stream, "drain");
  }

  async close(): Promise<void> {
    if (this.stream === process.stdout) return;
    this.stream.end();
    await finished(this.stream);
  }

  #csv(records: Record<string, unknown>[]): string {
    const header = this.#columns === undefined;
    this.#columns ??= Object.keys(records[0]);
    // Lists and objects become JSON in their cell.
    return stringify(records, { columns: this.#columns, header, cast: { boolean: String } });
  }
}

/** Opens the output. Rejects with ERR_DATA for a file that cannot be written. */
export async function openOutput(options: OutputOptions): Promise<PredictionOutput> {
  const { output, to } = options;
  const kind = to ?? (output?.endsWith(".csv") ? "csv" : "jsonl");
  if (output === undefined) {
    // A reader that has seen enough, such as `head`, is no failure.
    process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "EPIPE") process.exit(0);
    });
    return new PredictionOutput(process.stdout, kind, options);
  }
  const stream = createWriteStream(output);
  try {
    await once(stream, "open");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "one in a folder that is not there" : code;
    throw new AthanorError("ERR_DATA", `${output}: needs a file that can be written, got ${came}`, { cause });
  }
  return new PredictionOutput(stream, kind, options);
}

/** A result without typed arrays (scores go by the names of the classes) and without some of its fields. */
function plainResult(
  result: unknown,
  model: Model,
  without: readonly string[] = [],
): Record<string, unknown> {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return { result };
  const entries = Object.entries(result).filter(([name]) => !without.includes(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, plainValue(value, model)]));
}

function plainValue(value: unknown, model: Model): unknown {
  if (typeof value === "number") return rounded(value);
  if (ArrayBuffer.isView(value)) return namedScores(Array.from(value as Float32Array, rounded), model);
  if (Array.isArray(value)) return value.map((entry) => plainValue(entry, model));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, entry]) => [name, plainValue(entry, model)]));
}

function namedScores(values: number[], { config }: Model): unknown {
  const names = Object.values(config.id2label ?? {});
  return names.length === values.length
    ? Object.fromEntries(names.map((name, id) => [name, values[id]]))
    : values;
}

/** Six digits: what float32 holds. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(6));
}
