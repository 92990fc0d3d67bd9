// Ctrl-C while training: the first one asks for a checkpoint and then ends the run, a second one ends at once.
import { AthanorError } from "../errors.js";
import type { TrainerCallback } from "../training/index.js";
import { EXIT } from "./errors.js";

/** Listens while a run is under way. */
export class Interrupt {
  readonly #abort = new AbortController();
  #asked = false;
  #running = false;
  #checkpoint: string | undefined;

  constructor(private readonly say: (line: string) => void) {}

  /** For the Trainer. */
  readonly callback: TrainerCallback = {
    onTrainBegin: () => {
      this.#running = true;
    },
    onStepEnd: (_, run) => {
      if (this.#asked) run.save();
    },
    onSave: ({ folder }) => {
      if (!this.#asked) return;
      this.#checkpoint = folder;
      this.#abort.abort();
    },
    onClose: () => {
      this.#running = false;
    },
  };

  /** Runs `work`. Rejects with ERR_ABORTED, saying where the checkpoint is, when Ctrl-C ended it. */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const onSignal = () => this.#interrupt();
    process.on("SIGINT", onSignal);
    try {
      return await work(this.#abort.signal);
    } catch (error) {
      if ((error as AthanorError).code !== "ERR_ABORTED") throw error;
      const left =
        this.#checkpoint === undefined
          ? "no checkpoint yet"
          : `${this.#checkpoint}, --resume goes on from there`;
      throw new AthanorError("ERR_ABORTED", `train: stopped by Ctrl-C; ${left}`, { cause: error });
    } finally {
      process.off("SIGINT", onSignal);
    }
  }

  #interrupt(): void {
    if (this.#asked) process.exit(EXIT.interrupted);
    this.#asked = true;
    this.say("saving a checkpoint, then stopping (Ctrl-C again stops at once)");
    // Before the first step there is nothing to save.
    if (!this.#running) this.#abort.abort();
  }
}
