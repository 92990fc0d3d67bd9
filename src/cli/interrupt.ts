// Ctrl-C: the first one ends the work in order, a second one at once.
import { EXIT } from "./errors.js";

/** Runs `work` with a signal that Ctrl-C gives. */
export async function untilInterrupted<T>(
  progress: { line(text: string): void; stop(): void },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    progress.line("stopping (Ctrl-C again ends at once)");
    abort.abort();
  };
  process.on("SIGINT", stop);
  try {
    return await work(abort.signal);
  } finally {
    process.off("SIGINT", stop);
    progress.stop();
  }
}
