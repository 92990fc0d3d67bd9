// The numbers of a run as text files: JSON Lines, one event a line, and CSV, one number a line.
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import type { TrainEvent } from "../events.js";
import type { TrainerCallback } from "./callback.js";
import { LogLines } from "./log-lines.js";

export interface TextLogOptions {
  /** Every step too, not only "log" and "evaluate" events; default false. */
  steps?: boolean;
}

/** The numbers of an event by name; those of an evaluation begin with "eval_". */
export function numbersOf(event: TrainEvent): Record<string, number> {
  const { type, loss, learningRate, gradNorm, layerNorms = {}, epoch, tokens, tokensPerSecond } = event;
  if (type === "evaluate") {
    return Object.fromEntries(
      Object.entries(event.metrics ?? {}).map(([name, value]) => [`eval_${name}`, value]),
    );
  }
  return {
    loss,
    learning_rate: learningRate,
    grad_norm: gradNorm,
    ...Object.fromEntries(Object.entries(layerNorms).map(([layer, norm]) => [`grad_norm/${layer}`, norm])),
    epoch,
    tokens,
    tokens_per_second: tokensPerSecond,
  };
}

/** Whether an event has numbers that a log wants. */
export function isLogged({ type }: TrainEvent, steps = false): boolean {
  return type === "evaluate" || (steps ? type === "step" : type === "log");
}

/**
 * A JSON Lines file: `{"type":"log","step":50,"totalSteps":300,...}`, all fields of the event. A resumed run goes on in
 * it. Rejects a run with ERR_CHECKPOINT when the file cannot be written.
 *
 * @example
 * new Trainer({ model, tokenizer, train, callbacks: [jsonlLog("out/log.jsonl")] });
 */
export function jsonlLog(file: string, { steps }: TextLogOptions = {}): TrainerCallback {
  const lines = new LogLines(file);
  return {
    async onTrainBegin({ firstStep }) {
      await lines.open("", firstStep > 0 ? (line) => JSON.parse(line).step <= firstStep : undefined);
    },
    async onEvent(event) {
      if (isLogged(event, steps) || event.type === "save" || event.type === "end") {
        await lines.add(JSON.stringify(event));
      }
    },
    onClose: () => lines.close(),
  };
}

/**
 * A CSV file with the columns step, epoch, name, value: one number a line, as metrics differ from task to task. A resumed
 * run goes on in it. Rejects a run with ERR_CHECKPOINT when the file cannot be written.
 *
 * @example
 * new Trainer({ model, tokenizer, train, callbacks: [csvLog("out/log.csv")] });
 */
export function csvLog(file: string, { steps }: TextLogOptions = {}): TrainerCallback {
  const lines = new LogLines(file);
  return {
    async onTrainBegin({ firstStep }) {
      const early = (line: string) => Number((parse(line) as string[][])[0][0]) <= firstStep;
      await lines.open("step,epoch,name,value", firstStep > 0 ? early : undefined);
    },
    async onEvent(event) {
      if (!isLogged(event, steps)) return;
      const { epoch, ...numbers } = { epoch: event.epoch, ...numbersOf(event) };
      const rows = Object.entries(numbers).map(([name, value]) => [event.step, event.epoch, name, value]);
      await lines.add(stringify(rows).trimEnd());
    },
    onClose: () => lines.close(),
  };
}
