// The program of a worker thread of `map` and `filter`: makes the function once, then answers batches.

import { parentPort, workerData } from "node:worker_threads";
import type { AthanorError } from "../errors.js";
import { applyBatch, type Batch } from "./apply-batch.js";
import { load, type MapKind, type PortableFunction } from "./map-function.js";
import type { Row } from "./rows.js";

/** What a thread is given when it starts. */
export interface MapProgram {
  who: string;
  kind: MapKind;
  fn: PortableFunction;
  params: unknown;
}

/** The answer to a batch: its rows, or why there are none. */
export interface MapReply {
  rows?: Row[];
  error?: { code: AthanorError["code"]; message: string; name?: string; stack?: string };
}

const { who, kind, fn, params } = workerData as MapProgram;
// Batches come one after another, but their answers may take turns of the event loop.
let last: Promise<void> = Promise.resolve();

parentPort!.on("message", (batch: Batch) => {
  last = last.then(() => answer(batch));
});

const made = load(who, fn);
made.catch(() => {}); // The first batch reports it.

async function answer(batch: Batch): Promise<void> {
  let rows: Row[];
  try {
    rows = await applyBatch(kind, await made, batch, params);
  } catch (thrown) {
    const { code, message, cause } = thrown as AthanorError;
    const { name, stack } = (cause ?? thrown) as Error;
    return reply({ error: { code, message, name, stack } });
  }
  try {
    reply({ rows });
  } catch (cause) {
    const needed = `rows from ${batch.index} on must become values that threads can exchange`;
    const message = `${needed}, got "${(cause as Error).message}"`;
    reply({ error: { code: "ERR_DATA", message, stack: (cause as Error).stack } });
  }
}

function reply(message: MapReply): void {
  parentPort!.postMessage(message);
}
