// Devices, readiness, memory and threads.
import { getEngine } from "../native/load.js";
import type { Device } from "./tensor.js";

export interface DeviceInfo {
  /** "cpu", "cuda:0", ... */
  name: string;
  kind: string;
  /** bytes */
  memory: number;
  available: boolean;
  /** Why it is not available, as a sentence. */
  reason?: string;
}

/** The devices of this machine, also those that cannot be used, with the reason. */
export function devices(): DeviceInfo[] {
  return getEngine().native.devices();
}

/** Bytes that tensors of this process hold, that wait for reuse, and the most that were ever held at once. */
export function memory(device: Device = "cpu"): { live: number; cached: number; peak: number } {
  const [live, cached, peak] = getEngine().native.memory(device);
  return { live, cached, peak };
}

/** Gives cached memory back to the system and starts the peak anew. */
export function emptyCache(device: Device = "cpu"): void {
  getEngine().native.emptyCache(device);
}

/**
 * Resolves when the queue has room: fewer than 1024 commands and 64 MB of staged input wait. Await it in long
 * loops of ops. Rejects with the cause when an update (an optimizer step) was skipped since the last call.
 */
export async function ready(_device?: Device): Promise<void> {
  const { native, settle } = getEngine();
  await settle((id) => native.ready(id));
}

/** Resolves when all that was queued before has run; rejects like ready(). */
export async function synchronize(_device?: Device): Promise<void> {
  const { native, settle } = getEngine();
  await settle((id) => native.synchronize(id));
}

/** Threads that compute, 1 to 256. The default obeys ATHANOR_THREADS and the container's CPU limit. */
export function setThreads(n: number): void {
  getEngine().native.setThreads(n);
}

/** What the engine is doing now; for tests and diagnostics. */
export function engineState(): {
  pendingCommands: number;
  stagedBytes: number;
  liveHandles: number;
  threads: number;
  instructionSet: string;
} {
  const [pendingCommands, stagedBytes, liveHandles, threads, instructionSet] = getEngine().native.state();
  return { pendingCommands, stagedBytes, liveHandles, threads, instructionSet };
}
