// The callbacks of one run.
import { AthanorError } from "../../errors.js";
import type { TrainEvent } from "../events.js";
import type { Outcome, RunContext, TrainerCallback } from "./callback.js";

/** A callback, or a function that gets every event. */
export type CallbackOption = TrainerCallback | ((event: TrainEvent) => void | Promise<void>);

const functionOf = {
  step: "onStepEnd",
  log: "onLog",
  evaluate: "onEvaluate",
  save: "onSave",
  epoch: "onEpochEnd",
  end: "onTrainEnd",
} as const satisfies Record<TrainEvent["type"], keyof TrainerCallback>;

export class CallbackList {
  /** Why a callback ended the run. */
  stopped: string | undefined;
  /** Whether a callback has asked for a checkpoint. */
  saveWanted = false;
  readonly #callbacks: TrainerCallback[];
  #context: RunContext | undefined;

  /** @throws ERR_ARGUMENT for what is no callback, and for a name that comes twice */
  constructor(callbacks: readonly CallbackOption[]) {
    const fault = (needed: string, came: unknown) =>
      new AthanorError("ERR_ARGUMENT", `Trainer: callbacks must be ${needed}, got ${String(came)}`);
    if (!Array.isArray(callbacks)) throw fault("an array", typeof callbacks);
    this.#callbacks = callbacks.map((callback: CallbackOption) => {
      if (typeof callback === "function") return { onEvent: callback };
      if (typeof callback !== "object" || callback === null) throw fault("objects or functions", callback);
      if (callback.state && callback.name === undefined) throw fault("named where they have a state", "none");
      return callback;
    });
    const names = this.#callbacks.flatMap(({ name }) => name ?? []);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw fault("of different names", `${twice} twice`);
  }

  /** One of the Trainer's own. */
  add(callback: TrainerCallback): void {
    this.#callbacks.push(callback);
  }

  async begin(context: Omit<RunContext, "stop" | "save">): Promise<void> {
    const stop = (reason: string) => {
      this.stopped ??= reason;
    };
    const save = () => {
      this.saveWanted = true;
    };
    this.#context = { ...context, stop, save };
    for (const callback of this.#callbacks) await callback.onTrainBegin?.(this.#context);
  }

  async notify(event: TrainEvent): Promise<void> {
    for (const callback of this.#callbacks) {
      await callback[functionOf[event.type]]?.(event, this.#context!);
      await callback.onEvent?.(event, this.#context!);
    }
  }

  /** Tells all of them, also when one fails; rejects with the first failure. */
  async close(outcome: Outcome): Promise<void> {
    const closing = this.#callbacks.map(async (callback) => callback.onClose?.(outcome));
    const failed = (await Promise.allSettled(closing)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  /** For a checkpoint. */
  states(): Record<string, unknown> {
    return Object.fromEntries(
      this.#callbacks.flatMap((callback) =>
        callback.state && callback.name !== undefined ? [[callback.name, callback.state()]] : [],
      ),
    );
  }

  restore(states: Record<string, unknown>): void {
    for (const callback of this.#callbacks) {
      if (callback.name !== undefined && Object.hasOwn(states, callback.name)) {
        callback.restore?.(states[callback.name]);
      }
    }
  }
}
