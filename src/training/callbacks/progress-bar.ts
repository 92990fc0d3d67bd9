// A progress bar on a terminal.
import { Presets, SingleBar } from "cli-progress";
import type { TrainEvent } from "../events.js";
import type { TrainerCallback } from "./callback.js";

export interface ProgressBarOptions {
  /** Where it is drawn; default process.stderr. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean };
  /** Draws also where the stream is no terminal: a line every so often. Default false. */
  always?: boolean;
}

const FORMAT =
  "training {bar} {percentage}% | step {value}/{total} | epoch {epoch} | loss {loss} | {speed} tokens/s | {eta_formatted}";

// A single batch says little: the bar shows a running mean of the loss.
const KEPT = 0.95;

/**
 * Shows steps, loss, speed and the time that is left. Without a terminal nothing is written.
 *
 * @example
 * new Trainer({ model, tokenizer, train, callbacks: [progressBar()] });
 */
export function progressBar({
  stream = process.stderr,
  always = false,
}: ProgressBarOptions = {}): TrainerCallback {
  const bar =
    always || stream.isTTY === true
      ? new SingleBar(
          {
            format: FORMAT,
            stream,
            hideCursor: true,
            etaBuffer: 50,
            noTTYOutput: always,
            notTTYSchedule: 2000,
          },
          Presets.shades_classic,
        )
      : undefined;
  let loss = Number.NaN;
  const fields = ({ tokensPerSecond, epoch }: Pick<TrainEvent, "tokensPerSecond" | "epoch">) => ({
    loss: Number.isNaN(loss) ? "?" : loss.toFixed(3),
    speed: Math.round(tokensPerSecond),
    epoch: epoch.toFixed(2),
  });
  return {
    onTrainBegin({ totalSteps, firstStep }) {
      loss = Number.NaN;
      bar?.start(totalSteps, firstStep, fields({ tokensPerSecond: 0, epoch: 0 }));
    },
    onStepEnd(event) {
      loss = Number.isNaN(loss) ? event.loss : KEPT * loss + (1 - KEPT) * event.loss;
      bar?.update(event.step, fields(event));
    },
    onClose() {
      if (bar?.isActive) bar.stop(); // a run may fail before it begins
    },
  };
}
