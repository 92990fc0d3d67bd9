// How a run is shown: a bar on a terminal, plain lines anywhere else.
import { Presets, SingleBar } from "cli-progress";
import type { TrainEvent } from "../src/training/index.js";

/** Shows the events of a run. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  #loss = Number.NaN;

  constructor(private readonly stream: NodeJS.WriteStream = process.stdout) {
    if (!stream.isTTY) return;
    const format =
      "training {bar} {percentage}% | step {value}/{total} | epoch {epoch} | loss {loss} | {speed} tokens/s";
    this.#bar = new SingleBar({ format, stream, hideCursor: true, etaBuffer: 50 }, Presets.shades_classic);
  }

  show(event: TrainEvent): void {
    const { type, step, totalSteps } = event;
    if (type === "step") {
      // A single batch says little: the bar shows a running mean.
      this.#loss = Number.isNaN(this.#loss) ? event.loss : 0.95 * this.#loss + 0.05 * event.loss;
      if (!this.#bar) return;
      if (!this.#bar.isActive) this.#bar.start(totalSteps, step, this.#fields(event));
      else this.#bar.update(step, this.#fields(event));
    } else if (type === "log" && !this.#bar) {
      const { loss, speed, epoch } = { ...this.#fields(event), loss: event.loss.toFixed(3) };
      this.stream.write(`step ${step}/${totalSteps} | epoch ${epoch} | loss ${loss} | ${speed} tokens/s\n`);
    } else if (type === "end") this.stop();
  }

  /** Leaves the terminal as it was. */
  stop(): void {
    this.#bar?.stop();
  }

  #fields(event: TrainEvent): { loss: string; speed: string; epoch: string } {
    return {
      loss: this.#loss.toFixed(3),
      speed: String(Math.round(event.tokensPerSecond)),
      epoch: event.epoch.toFixed(2),
    };
  }
}
