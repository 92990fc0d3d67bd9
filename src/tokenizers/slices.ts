// Long work on the main thread in short slices, so that the event loop goes on in between.

import { setImmediate } from "node:timers/promises";

// The clock is read after every step, and a step takes far less than a millisecond: slices stay below 2 ms.
const SLICE_MS = 1;

/** Calls `step(0)` to `step(count - 1)`, letting other work run every millisecond or so. */
export async function inSlices(count: number, step: (index: number) => void): Promise<void> {
  let started = performance.now();
  for (let index = 0; index < count; index++) {
    step(index);
    if (performance.now() - started < SLICE_MS) continue;
    await setImmediate();
    started = performance.now();
  }
}
