// Event files for TensorBoard.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { AthanorError } from "../../errors.js";
import type { TrainerCallback } from "./callback.js";
import { encodeRecord, type ScalarEvent } from "./event-file.js";
import { isLogged, numbersOf, type TextLogOptions } from "./text-logs.js";

/**
 * Scalars for TensorBoard under the names of Transformers' callback: train/loss, train/learning_rate, train/grad_norm,
 * train/epoch, eval/METRIC. Each run writes a file of its own into the folder; a resumed one makes void what is there of
 * later steps. Rejects a run with ERR_CHECKPOINT when the file cannot be written.
 *
 * @example
 * new Trainer({ model, tokenizer, train, callbacks: [tensorBoard("out/runs/first")] });
 * // tensorboard --logdir out/runs
 */
export function tensorBoard(folder: string, { steps }: TextLogOptions = {}): TrainerCallback {
  let handle: FileHandle | undefined;
  const write = async (event: Omit<ScalarEvent, "wallTime">) => {
    await handle?.appendFile(encodeRecord({ wallTime: Date.now() / 1000, ...event }));
  };
  return {
    async onTrainBegin({ firstStep }) {
      try {
        await mkdir(folder, { recursive: true });
        handle = await open(join(folder, fileName()), "wx");
      } catch (cause) {
        const came = (cause as NodeJS.ErrnoException).code;
        const needed = "must be a folder that can be written";
        throw new AthanorError("ERR_CHECKPOINT", `${folder}: ${needed}, got ${came}`, { cause });
      }
      await write({ step: 0, fileVersion: "brain.Event:2" });
      if (firstStep > 0) await write({ step: firstStep + 1, sessionStart: true });
    },
    async onEvent(event) {
      if (!isLogged(event, steps)) return;
      const named = Object.entries(numbersOf(event)).map(([name, value]) => [
        event.type === "evaluate" ? name.replace(/^eval_/, "eval/") : `train/${name}`,
        value,
      ]);
      await write({ step: event.step, scalars: Object.fromEntries(named) });
    },
    async onClose() {
      await handle?.close();
      handle = undefined;
    },
  };
}

/** As TensorBoard's own writers name them; the order of the names is that of time. */
function fileName(): string {
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
  return `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${randomBytes(4).toString("hex")}`;
}
