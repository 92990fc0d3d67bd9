// Texts through a model without gradients: encoded by the tokenizer's threads, sorted by length, in batches that are as
// long as their tokens (there is no padding), read back as plain arrays in the order of the texts.
import { setImmediate } from "node:timers/promises";
import { AthanorError } from "../errors.js";
import type { Batch, Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import type { Model } from "../models/model.js";
import { ready } from "../tensor/device.js";
import { noGrad, scope } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { EncodeOptions } from "../tokenizers/options.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { orderedBatches } from "../training/batches.js";
import { evaluating } from "../training/task.js";

/** How texts go through a model. */
export interface TextOptions {
  /** Most texts at once; default 32. */
  batchSize?: number;
  /** Most tokens of a text, at most what tokenizer and model take; longer ones are cut. */
  maxLength?: number;
  /** Stops the work: the promise rejects with ERR_ABORTED. */
  signal?: AbortSignal;
}

export interface TextParts extends TextOptions {
  /** For messages. */
  who: string;
  model: Model;
  tokenizer: Tokenizer | undefined;
  /** Default "longest_first". */
  truncation?: EncodeOptions["truncation"];
}

// Texts per call of the tokenizer: enough for its threads.
const TEXTS_PER_CALL = 512;

/** A text, or each of several, must say something. @throws ERR_ARGUMENT */
export function checkTexts(who: string, texts: unknown, what = "texts"): void {
  if (!Array.isArray(texts)) throw fault(who, `${what} must be an array of texts`, typeof texts);
  if (texts.length === 0) throw fault(who, `${what} must hold at least one text`, "none");
  texts.forEach((text, i) => {
    for (const part of Array.isArray(text) ? text : [text]) {
      if (typeof part !== "string") throw fault(who, `${what}[${i}] must be a text`, typeof part);
      if (part.trim() === "") throw fault(who, `${what}[${i}] must be a text that is not empty`, `"${part}"`);
    }
  });
}

/** ERR_ARGUMENT: who, what was needed, what came. */
export function fault(who: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${String(came)}`);
}

/** Lets the event loop have its turn. Rejects with ERR_ABORTED once the signal was given. */
export async function turn(who: string, signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  if (!signal?.aborted) return;
  throw new AthanorError("ERR_ABORTED", `${who}: was aborted by its signal`, { cause: signal.reason });
}

/** Token ids of texts, cut to what fits. Rejects with ERR_ARGUMENT without a tokenizer. */
export async function encodeTexts(texts: readonly TextOrPair[], parts: TextParts): Promise<Example[]> {
  const { who, model, tokenizer, signal, truncation = "longest_first" } = parts;
  if (!tokenizer) throw fault(who, "tokenizer must be given", "none");
  const maxLength = lengthLimit(tokenizer, model, parts.maxLength);
  const how = Number.isFinite(maxLength) ? { truncation, maxLength } : {};
  const examples: Example[] = [];
  for (let first = 0; first < texts.length; first += TEXTS_PER_CALL) {
    const part = texts.slice(first, first + TEXTS_PER_CALL);
    // A thread costs more than it gives for a handful of texts.
    const few = part.length <= 8;
    const encodings = few ? tokenizer.encodeBatch(part, how) : await tokenizer.encodeBatchAsync(part, how);
    for (const { ids, typeIds } of encodings) {
      const segments = typeIds.some((id) => id !== 0);
      examples.push(segments ? { inputIds: ids, tokenTypeIds: typeIds } : { inputIds: ids });
    }
    await turn(who, signal);
  }
  return examples;
}

/** What a pass makes of a batch: a tensor, and how its elements are shared out to the sequences. */
export interface BatchWork {
  /** Runs without gradients in a scope of its own. */
  apply(batch: Batch): Tensor;
  cut(values: Float32Array, batch: Batch): Float32Array[];
}

/** One row per sequence. */
export function rowsOf(values: Float32Array, batch: Batch): Float32Array[] {
  const width = values.length / batch.size;
  return Array.from({ length: batch.size }, (_, b) => values.slice(b * width, (b + 1) * width));
}

/**
 * Runs `work` over examples in batches of like lengths, longest first: what does not fit into memory shows at once. At
 * most two batches are under way, and the event loop has a turn after each; then the model's mode is what it was.
 *
 * @returns one array per example, in order
 */
export async function runExamples(
  examples: readonly Example[],
  work: BatchWork,
  { who, model, batchSize = 32, signal }: Pick<TextParts, "who" | "model" | "batchSize" | "signal">,
): Promise<Float32Array[]> {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw fault(who, "batchSize must be an integer from 1", batchSize);
  }
  const lengths = examples.map(({ inputIds = [] }) => inputIds.length);
  const order = examples.map((_, i) => i).sort((a, b) => lengths[b] - lengths[a]);
  const results = new Array<Float32Array>(examples.length);
  const pending: Promise<void>[] = [];
  for (const places of orderedBatches(lengths, { batchSize })) {
    if (pending.length >= 2) await pending.shift();
    await ready();
    const rows = places.map((place) => order[place]);
    const reading = read(
      model,
      rows.map((row) => examples[row]),
      work,
    ).then((arrays) => {
      arrays.forEach((array, i) => {
        results[rows[i]] = array;
      });
    });
    reading.catch(() => {}); // awaited in turn; one that fails first must not count as unhandled
    pending.push(reading);
    await turn(who, signal);
  }
  await Promise.all(pending);
  return results;
}

function read(model: Model, examples: Example[], work: BatchWork): Promise<Float32Array[]> {
  const batch = model.collate(examples);
  try {
    const { values } = scope(() => {
      // In an object of its own: a scope refuses to return a promise.
      return { values: noGrad(() => evaluating(model, () => work.apply(batch))).data() };
    });
    return values.then((values) => work.cut(values as Float32Array, batch));
  } finally {
    batch.dispose();
  }
}
