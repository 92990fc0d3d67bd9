// The work behind `map` and `filter` of data sets and streams: options, batches, this thread or several.

import { AthanorError } from "../errors.js";
import { applyBatch, type Batch } from "./apply-batch.js";
import {
  type AnyFunction,
  checkFunction,
  load,
  type MapKind,
  type ModuleFunction,
  portable,
} from "./map-function.js";
import { abortError, mapInThreads } from "./map-threads.js";
import { type Row, Slices } from "./rows.js";
import { shown } from "./text-source.js";

/** Options of `map` and `filter`. */
export interface MapOptions<P = unknown> {
  /** Rows per call of a batched function, and per message to a thread; default 1000. */
  batchSize?: number;
  /**
   * Worker threads; default 0: this thread. The function is sent as its text: it sees its arguments and globals
   * only. What else it needs goes into `params`, or it comes from a module (`{ module, name }`).
   */
  workers?: number;
  /** Handed to the function; must be what threads can exchange (structured clone) for workers and caches. */
  params?: P;
  /** Stops the work: ERR_ABORTED. */
  signal?: AbortSignal;
}

/** A piece of work, its options checked. */
export interface MapWork {
  who: string;
  kind: MapKind;
  fn: AnyFunction | ModuleFunction;
  options: Required<Pick<MapOptions, "batchSize" | "workers">> & Pick<MapOptions, "params" | "signal">;
}

const MOST_WORKERS = 256;

/** Checks function and options. */
export function mapWork(who: string, kind: MapKind, fn: unknown, options: MapOptions): MapWork {
  checkFunction(who, fn);
  const { batchSize = 1000, workers = 0, params, signal } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw wrong(who, "batchSize", "an integer from 1", batchSize);
  }
  if (!Number.isSafeInteger(workers) || workers < 0 || workers > MOST_WORKERS) {
    throw wrong(who, "workers", `an integer from 0 to ${MOST_WORKERS}`, workers);
  }
  if (signal !== undefined && typeof signal?.aborted !== "boolean") {
    throw wrong(who, "signal", "an AbortSignal", signal);
  }
  return { who, kind, fn, options: { batchSize, workers, params, signal } };
}

function wrong(who: string, name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be ${needed}, got ${shown(came)}`);
}

/** What rows become, some at a time, in order. */
export async function* mapRows(
  rows: Iterable<Row> | AsyncIterable<Row>,
  { who, kind, fn, options }: MapWork,
): AsyncGenerator<Row[], void, undefined> {
  const { batchSize, workers, params, signal } = options;
  const batches = inBatches(rows, batchSize);
  const made =
    workers > 0
      ? mapInThreads(batches, { who, kind, fn: portable(who, fn), params }, workers, signal)
      : mapHere(batches, { who, kind, fn, options });
  if (signal?.aborted) throw abortError(who, signal);
  for await (const result of made) {
    if (signal?.aborted) throw abortError(who, signal);
    yield result;
  }
}

async function* mapHere(
  batches: AsyncIterable<Batch>,
  { who, kind, fn, options }: MapWork,
): AsyncGenerator<Row[], void, undefined> {
  const call = typeof fn === "function" ? fn : await load(who, portable(who, fn));
  const slices = new Slices();
  const rest = () => {
    if (options.signal?.aborted) throw abortError(who, options.signal);
    return slices.due ? slices.rest() : undefined;
  };
  for await (const batch of batches) {
    try {
      yield await applyBatch(kind, call, batch, options.params, rest);
    } catch (thrown) {
      const { code, message, cause } = thrown as AthanorError;
      if (code !== "ERR_DATA") throw thrown;
      throw new AthanorError(code, `${who}: ${message}`, { cause });
    }
    await slices.rest();
  }
}

async function* inBatches(
  rows: Iterable<Row> | AsyncIterable<Row>,
  size: number,
): AsyncGenerator<Batch, void, undefined> {
  if (Array.isArray(rows)) {
    for (let index = 0; index < rows.length; index += size)
      yield { rows: rows.slice(index, index + size), index };
    return;
  }
  let batch: Row[] = [];
  let index = 0;
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < size) continue;
    yield { rows: batch, index };
    index += batch.length;
    batch = [];
  }
  if (batch.length > 0) yield { rows: batch, index };
}
