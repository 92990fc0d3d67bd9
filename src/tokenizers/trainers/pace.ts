// What keeps a long training civil: it rests every millisecond or so, that other work may run, it reports how
// far it is, and it ends when it is told to.

import { setImmediate } from "node:timers/promises";

import { AthanorError } from "../../errors.js";

const SLICE_MS = 1;
// Often enough for a progress bar.
const REPORT_MS = 50;

/** How far a training is. */
export interface TrainingProgress {
  /** What is being done, such as `"count words"`. */
  stage: string;
  /** Units of work done and to be done, of this stage. `total` is null where nobody knows. */
  done: number;
  total: number | null;
}

/** Options of every trainer that say how to run. */
export interface TrainingControl {
  /** Ends the training: the promise rejects with ERR_ABORTED. */
  signal?: AbortSignal;
  /** Called at most every 50 milliseconds, and at the end of each stage. */
  onProgress?: (progress: TrainingProgress) => void;
}

/** Rests and reports. The loop asks `isDue` in every round, which costs a look at the clock. */
export class Pace {
  readonly #who: string;
  readonly #control: TrainingControl;
  #resumed = performance.now();
  #reported = performance.now();

  constructor(who: string, control: TrainingControl) {
    this.#who = who;
    this.#control = control;
    this.#checkSignal();
  }

  /** Whether it is time to rest. */
  isDue(): boolean {
    return performance.now() - this.#resumed >= SLICE_MS;
  }

  /** Lets other work run. */
  async rest(stage: string, done: number, total: number | null): Promise<void> {
    const now = performance.now();
    if (now - this.#reported >= REPORT_MS) {
      this.#control.onProgress?.({ stage, done, total });
      this.#reported = now;
    }
    await setImmediate();
    this.#checkSignal();
    this.#resumed = performance.now();
  }

  /** Reports the end of a stage. */
  finish(stage: string, total: number): void {
    this.#control.onProgress?.({ stage, done: total, total });
    this.#reported = performance.now();
  }

  #checkSignal(): void {
    const { signal } = this.#control;
    if (!signal?.aborted) return;
    throw new AthanorError("ERR_ABORTED", `${this.#who}: needed to run to the end, got an abort signal`, {
      cause: signal.reason,
    });
  }
}
