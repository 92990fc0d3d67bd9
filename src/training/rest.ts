// Turns for the event loop, and the end of a run by its signal.
import { setImmediate } from "node:timers/promises";
import { AthanorError } from "../errors.js";

const SLICE_MS = 1.5;

/** Throws ERR_ABORTED, with the signal's reason as its cause, once the signal was given. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new AthanorError("ERR_ABORTED", "Trainer: the run was aborted by its signal", {
      cause: signal.reason,
    });
  }
}

/** Lets everything that waits in the event loop have its turn. */
export async function turn(signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  await setImmediate();
  throwIfAborted(signal);
}

/** Gives up the event loop whenever a slice of work has lasted long enough. */
export class Rest {
  #start = performance.now();

  constructor(private readonly signal?: AbortSignal) {}

  /** Whether it is time to call `now()`: cheap, for loops over small pieces. */
  get due(): boolean {
    return performance.now() - this.#start >= SLICE_MS;
  }

  async now(): Promise<void> {
    await turn(this.signal);
    this.#start = performance.now();
  }

  async ifDue(): Promise<void> {
    if (this.due) await this.now();
  }
}
