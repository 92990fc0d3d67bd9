// How a run is shown: a bar on a terminal, plain lines anywhere else; evaluations as lines in both.
import { progressBar, type TrainEvent, type TrainerCallback } from "../training/index.js";
import { shownValue } from "./table.js";

/** Shows a run on a stream. */
export class Progress {
  /** For the Trainer. */
  readonly callbacks: readonly TrainerCallback[];
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.callbacks = [
      progressBar({ stream }),
      { onLog: (event) => this.#log(event), onEvaluate: (event) => this.#evaluation(event) },
    ];
  }

  /** Writes a line; a bar draws itself again below with its next step. */
  line(text: string): void {
    this.#stream.write(`${this.#stream.isTTY ? "\r\x1b[2K" : ""}${text}\n`);
  }

  #log({ step, totalSteps, epoch, loss, tokensPerSecond }: TrainEvent): void {
    if (this.#stream.isTTY) return;
    const speed = Math.round(tokensPerSecond);
    this.line(
      `step ${step}/${totalSteps} | epoch ${epoch.toFixed(2)} | loss ${loss.toFixed(3)} | ${speed} tokens/s`,
    );
  }

  #evaluation({ epoch, metrics = {} }: TrainEvent): void {
    const shown = Object.entries(metrics).map(([name, value]) => `${name} ${shownValue(value)}`);
    this.line(`epoch ${epoch.toFixed(2)} | ${shown.join(" | ")}`);
  }
}
