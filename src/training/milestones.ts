// Evaluations and checkpoints of a run: when they are due, which evaluation is the best.
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { Every, ResolvedArgs } from "./args.js";
import type { CallbackList } from "./callbacks/callback-list.js";
import { type DataMark, pruneCheckpoints, saveCheckpoint } from "./checkpoint.js";
import type { TrainEvent } from "./events.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { essentialArgs } from "./run-schedule.js";
import type { RunState } from "./run-state.js";
import type { TrainableModel } from "./task.js";

export interface MilestoneParts {
  model: TrainableModel;
  optimizer: Optimizer;
  tokenizer?: Tokenizer;
  args: ResolvedArgs;
  data: DataMark;
  callbacks: CallbackList;
  /** Loss and metrics on the evaluation rows. */
  evaluate(): Promise<Record<string, number>>;
}

/** What is to be done at a place of the run. */
export interface Due {
  evaluate: boolean;
  save: boolean;
}

export class Milestones {
  #evaluated = -1;
  #saved = -1;

  constructor(
    private readonly parts: MilestoneParts,
    private readonly state: RunState,
  ) {}

  /** What was due after this step has been done. */
  resumed(step: number): void {
    [this.#evaluated, this.#saved] = [step, step];
  }

  /** Inside of an epoch, after a number of steps. */
  afterStep(step: number): Due {
    const { evalEvery, evalDelay, saveEvery } = this.parts.args;
    const save = isDue(saveEvery, step) || this.parts.callbacks.saveWanted;
    return { evaluate: isDue(evalEvery, step) && step >= evalDelay, save };
  }

  /** After an epoch, or where the run is over: its last state is kept by whoever saves at all. */
  afterEpoch(step: number, over: boolean): Due {
    const { evalEvery, evalDelay, saveEvery } = this.parts.args;
    const due = this.afterStep(step);
    const evaluate = due.evaluate || (evalEvery === "epoch" && this.state.now.epoch >= evalDelay);
    const save = due.save || saveEvery === "epoch" || (over && saveEvery !== "no" && saveEvery !== "best");
    return { evaluate, save };
  }

  /** Not twice after the same step. */
  async *reach({ evaluate, save }: Due): AsyncGenerator<TrainEvent, void, undefined> {
    const { step } = this.state.now;
    const { outputFolder, loadBestAtEnd, saveEvery } = this.parts.args;
    let better = false;
    if (evaluate && step !== this.#evaluated) {
      better = yield* this.evaluate();
      this.#evaluated = step;
    }
    const bestDue = better && (loadBestAtEnd || saveEvery === "best");
    if (outputFolder !== undefined && (bestDue || (save && step !== this.#saved))) {
      this.#saved = step;
      yield this.state.event("save", { folder: await this.#save(outputFolder, better) });
      this.state.throughput.restart();
    }
  }

  /** Whether it is the best so far. Before the first step there is nothing to be better than. */
  async *evaluate(): AsyncGenerator<TrainEvent, boolean, undefined> {
    const { state } = this;
    const metrics = await this.parts.evaluate();
    state.metrics = metrics;
    const better = state.now.step > 0 && this.#noteBest(metrics);
    yield state.event("evaluate", { metrics });
    state.throughput.restart();
    return better;
  }

  #noteBest(metrics: Record<string, number>): boolean {
    const { metric, greaterIsBetter } = this.parts.args;
    const { state } = this;
    const value = metrics[metric];
    if (value === undefined) {
      const known = Object.keys(metrics).join(", ");
      throw new AthanorError("ERR_ARGUMENT", `Trainer: metric must be one of ${known}, got ${metric}`);
    }
    const before = state.best?.value; // NaN is null in a checkpoint
    const known = typeof before === "number" && !Number.isNaN(before);
    const better = !known || (greaterIsBetter ? value > before : value < before);
    if (better) state.best = { metric, value, step: state.now.step };
    return better;
  }

  async #save(outputFolder: string, better: boolean): Promise<string> {
    const { args, data, model, optimizer, tokenizer, callbacks } = this.parts;
    const { state } = this;
    callbacks.saveWanted = false;
    if (better && state.best) state.best.folder = join(outputFolder, `checkpoint-${state.now.step}`);
    const { seed, calls } = model.generator;
    const stored = {
      ...{
        version: 1 as const,
        ...state.store(),
        generator: { seed, calls },
        args: essentialArgs(args),
        data,
      },
      ...{ callbacks: callbacks.states(), stopped: callbacks.stopped },
    };
    const parts = { model, tokenizer, optimizer: args.saveOnlyModel ? undefined : optimizer };
    const folder = await saveCheckpoint(outputFolder, stored, parts);
    const { saveTotalLimit } = args;
    if (saveTotalLimit !== undefined) {
      await pruneCheckpoints(outputFolder, saveTotalLimit, state.best?.folder);
    }
    return folder;
  }
}

export function isDue(every: Every | "best", step: number): boolean {
  return typeof every === "number" && step % every === 0;
}
