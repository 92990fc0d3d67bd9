// A few worker threads that share a tokenizer's work. They start when first needed, end after some idle
// seconds, and keep the process alive only while they work.

import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { AthanorError } from "../../errors.js";
import type { TextOrPair } from "../batch.js";
import type { TokenizerDefinition } from "../definition.js";
import type { BatchOptions } from "../options.js";
import type { Reply, Request } from "./messages.js";

const IDLE_MS = 10_000;

interface Waiting {
  resolve: (packed: Int32Array) => void;
  reject: (error: Error) => void;
}

/** Worker threads that encode with one tokenizer. */
export class WorkerPool {
  readonly #definition: () => TokenizerDefinition;
  readonly #threads: Thread[] = [];
  #data: TokenizerDefinition | null = null;
  #idle: NodeJS.Timeout | null = null;
  #running = 0;

  constructor(definition: () => TokenizerDefinition) {
    this.#definition = definition;
  }

  /**
   * Encodes texts on the least busy of at most `threads` threads. Resolves to packed encodings.
   *
   * @throws AthanorError (rejection): the error of the tokenizer; ERR_INTERNAL when the thread dies.
   */
  async run(texts: TextOrPair[], options: BatchOptions, threads: number): Promise<Int32Array> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#running++;
    try {
      return await this.#thread(threads).run(texts, options);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    }
  }

  #thread(most: number): Thread {
    const usable = this.#threads.slice(0, most);
    const best = usable.reduce<Thread | null>((a, b) => (a !== null && a.load <= b.load ? a : b), null);
    if (best !== null && (best.load === 0 || this.#threads.length >= most)) return best;
    // Joining a vocabulary takes a millisecond: once
    this.#data ??= this.#definition();
    const thread = new Thread(this.#data, () => this.#threads.splice(this.#threads.indexOf(thread), 1));
    this.#threads.push(thread);
    return thread;
  }

  #end(): void {
    for (const thread of this.#threads.slice()) thread.end();
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;

  constructor(definition: TokenizerDefinition, ended: () => void) {
    this.#worker = new Worker(fileURLToPath(new URL("./worker.js", import.meta.url)), {
      workerData: definition,
    });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => this.#answer(reply));
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", () => {
      ended();
      this.#fail(new Error("the thread ended"));
    });
  }

  /** Requests under way. */
  get load(): number {
    return this.#waiting.size;
  }

  run(texts: TextOrPair[], options: BatchOptions): Promise<Int32Array> {
    return new Promise((resolve, reject) => {
      const number = this.#number++;
      this.#worker.postMessage({ number, texts, options } satisfies Request);
      this.#waiting.set(number, { resolve, reject });
      this.#worker.ref();
    });
  }

  end(): void {
    void this.#worker.terminate();
  }

  #answer({ number, packed, error }: Reply): void {
    const waiting = this.#waiting.get(number)!;
    this.#waiting.delete(number);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (error === undefined) waiting.resolve(packed!);
    else waiting.reject(new AthanorError(error.code, error.message));
  }

  #fail(cause: unknown): void {
    const message = `encodeBatchAsync: a worker thread must answer, got ${String(cause)}`;
    for (const { reject } of this.#waiting.values())
      reject(new AthanorError("ERR_INTERNAL", message, { cause }));
    this.#waiting.clear();
  }
}
