// Worker threads for one `map` or `filter`: batches go to the least busy thread, results come in the order of rows.

import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { AthanorError } from "../errors.js";
import type { Batch } from "./apply-batch.js";
import type { MapProgram, MapReply } from "./map-worker.js";
import type { Row } from "./rows.js";

interface Waiting {
  resolve: (rows: Row[]) => void;
  reject: (error: Error) => void;
}

// A second batch waits in each thread while it works on the first.
const BATCHES_PER_THREAD = 2;

/** What the batches become, in their order. Threads end with the loop, however it ends. */
export async function* mapInThreads(
  batches: AsyncIterable<Batch>,
  program: MapProgram,
  count: number,
  signal?: AbortSignal,
): AsyncGenerator<Row[], void, undefined> {
  const threads = Array.from({ length: count }, () => new MapThread(program));
  const stop = () => {
    for (const thread of threads) thread.stop(abortError(program.who, signal));
  };
  signal?.addEventListener("abort", stop, { once: true });
  const results: Promise<Row[]>[] = [];
  try {
    for await (const batch of batches) {
      const thread = threads.reduce((a, b) => (b.load < a.load ? b : a));
      const result = thread.run(batch);
      result.catch(() => {}); // Awaited when its turn comes, which an earlier error may prevent.
      results.push(result);
      if (results.length >= BATCHES_PER_THREAD * count) yield await (results.shift() as Promise<Row[]>);
    }
    for (const result of results) yield await result;
  } finally {
    signal?.removeEventListener("abort", stop);
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** The error of work that its signal stopped. */
export function abortError(who: string, signal: AbortSignal | undefined): AthanorError {
  return new AthanorError("ERR_ABORTED", `${who}: stopped by its signal`, { cause: signal?.reason });
}

class MapThread {
  readonly #who: string;
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: AthanorError | undefined;

  constructor(program: MapProgram) {
    this.#who = program.who;
    this.#worker = start(program);
    this.#worker.on("message", (reply: MapReply) => this.#answer(reply));
    this.#worker.on("messageerror", (cause) => this.#fail(cause));
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", (code) => this.#fail(new Error(`the thread ended with exit code ${code}`)));
  }

  /** Batches under way. */
  get load(): number {
    return this.#waiting.length;
  }

  run(batch: Batch): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      try {
        this.#worker.postMessage(batch);
      } catch (cause) {
        return reject(uncopied(`${this.#who}: rows from ${batch.index} on`, cause));
      }
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Gives up what is under way. */
  stop(failure: AthanorError): void {
    this.#failure ??= failure;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer({ rows, error }: MapReply): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return; // It was stopped meanwhile.
    if (error === undefined) {
      waiting.resolve(rows!);
      return;
    }
    const cause = new Error(error.message);
    cause.name = error.name ?? cause.name;
    cause.stack = error.stack;
    const hint =
      error.name === "ReferenceError"
        ? " (in a worker thread it sees its arguments and globals only: use the option params, or name a module)"
        : "";
    waiting.reject(new AthanorError(error.code, `${this.#who}: ${error.message}${hint}`, { cause }));
  }

  #fail(cause: unknown): void {
    const message = `${this.#who}: a worker thread must answer, got ${String(cause)}`;
    this.stop(new AthanorError("ERR_DATA", message, { cause }));
  }
}

function start(program: MapProgram): Worker {
  try {
    return new Worker(fileURLToPath(new URL("./map-worker.js", import.meta.url)), { workerData: program });
  } catch (cause) {
    throw uncopied(`${program.who}: params`, cause);
  }
}

function uncopied(what: string, cause: unknown): AthanorError {
  const message = `${what} must be values that threads can exchange, got "${(cause as Error).message}"`;
  return new AthanorError("ERR_DATA", message, { cause });
}
