// What a kind of pipeline is: the model it loads, and how inputs become results.
import { AthanorError } from "../errors.js";
import type { AutoClass, Model } from "../models/index.js";
import type { AnyTask } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import { type DataRow, Trainer } from "../training/index.js";

/** Options of every call. */
export interface CallOptions {
  /** Inputs computed together; default 32. */
  batchSize?: number;
  /** Ends the call with ERR_ABORTED. */
  signal?: AbortSignal;
}

/** What calls work with. */
export interface PipelineParts {
  model: Model;
  tokenizer: Tokenizer;
}

export interface PipelineKind<Input, Options extends CallOptions, Result> {
  /** Loads the model. */
  auto: Pick<AutoClass, "fromPretrained">;
  /** The option that may also be the second argument of a call, before the others. */
  second?: string;
  /** Options of calls that may be given once, when the pipeline is made. */
  lasting?: readonly string[];
  /** Parameters that no result depends on: a checkpoint may lack them. */
  unused?: RegExp;
  /** Throws ERR_ARGUMENT for a model that cannot do it, or not with these lasting options. */
  check?(parts: PipelineParts, lasting: Partial<Options>): void;
  /** Results of inputs, one each. Rejects with ERR_ARGUMENT for an input or option that is none. */
  run(parts: PipelineParts, inputs: readonly Input[], options: Options): Promise<Result[]>;
}

/** A kind whose inputs are rows of a task. */
export function results(
  { model, tokenizer }: PipelineParts,
  task: AnyTask,
  rows: readonly DataRow[],
  { batchSize = 32, signal }: CallOptions,
): Promise<unknown[]> {
  const trainer = new Trainer({ model, tokenizer, task, args: { evalBatchSize: batchSize } });
  return trainer.predict(rows, { signal }) as Promise<unknown[]>;
}

/** @throws ERR_ARGUMENT */
export function textInput(kind: string, input: unknown, place: number): string {
  if (typeof input === "string" && input.trim() !== "") return input;
  throw inputFault(kind, place, "a text that is not empty", input);
}

export function inputFault(kind: string, place: number, needed: string, came: unknown): AthanorError {
  const shown = typeof came === "string" ? JSON.stringify(came) : came === null ? "null" : typeof came;
  return new AthanorError("ERR_ARGUMENT", `pipeline ${kind}: input ${place} must be ${needed}, got ${shown}`);
}

/** `topK`: an integer from 1, null for all. @throws ERR_ARGUMENT */
export function checkedTopK(kind: string, topK: number | null): number {
  if (topK === null) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(topK) && topK >= 1) return topK;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `pipeline ${kind}: topK must be an integer from 1 or null, got ${topK}`,
  );
}
