// Where a run stands: its place in the plan, its numbers so far, and how both go into a checkpoint and come back.
import { basename, dirname, join } from "node:path";
import type { TrainerState } from "./checkpoint.js";
import { type BestEvaluation, Throughput, type TrainEvent, WeightedMean } from "./events.js";
import type { StepNumbers } from "./step.js";

/** A step as it was enqueued. */
export interface StepMark {
  /** From 1. */
  step: number;
  /** Passes over the data after it, as a fraction. */
  epoch: number;
  learningRate: number;
  tokens: number;
  labels: number;
}

/** What of a run a checkpoint holds, beside model, optimizer, data and arguments. */
export type StoredProgress = Pick<
  TrainerState,
  "step" | "totalSteps" | "epoch" | "position" | "tokens" | "best" | "metrics" | "means"
>;

export class RunState {
  /** Epoch (from 0) and the number of its steps that were enqueued. */
  epoch = 0;
  position = 0;
  best: BestEvaluation | undefined;
  metrics: Record<string, number> | undefined;
  /** Tokens of the steps before a resume. */
  tokensBefore = 0;
  readonly throughput = new Throughput();
  readonly means = { run: new WeightedMean(), log: new WeightedMean(), epoch: new WeightedMean() };
  readonly now: Omit<TrainEvent, "type"> = {
    ...{ step: 0, totalSteps: 0, epoch: 0, loss: Number.NaN, learningRate: 0, gradNorm: Number.NaN },
    ...{ tokens: 0, tokensPerSecond: 0 },
  };

  event(type: TrainEvent["type"], more: Partial<TrainEvent>): TrainEvent {
    return { type, ...this.now, tokensPerSecond: this.throughput.tokensPerSecond, ...more };
  }

  /** Takes in a step that was made. */
  add({ step, epoch, learningRate, tokens, labels }: StepMark, { loss, gradNorm }: StepNumbers): void {
    this.throughput.mark(tokens);
    const { now } = this;
    Object.assign(now, { step, epoch, learningRate, loss, gradNorm, tokens: now.tokens + tokens });
    for (const mean of Object.values(this.means)) mean.add(loss, labels);
  }

  store(): StoredProgress {
    const { step, totalSteps, tokens } = this.now;
    const { run, log, epoch } = this.means;
    return {
      ...{ step, totalSteps, epoch: this.epoch, position: this.position, tokens },
      ...{ best: this.best, metrics: this.metrics },
      means: { run: run.state, log: log.state, epoch: epoch.state },
    };
  }

  restore(state: StoredProgress, folder: string): void {
    Object.assign(this.now, { step: state.step, tokens: state.tokens });
    [this.epoch, this.position] = [state.epoch, state.position];
    this.tokensBefore = state.tokens;
    this.metrics = state.metrics;
    // The checkpoints may have been moved: the best one lies beside this one.
    const bestFolder = state.best?.folder && join(dirname(folder), basename(state.best.folder));
    this.best = state.best && { ...state.best, folder: bestFolder };
    for (const name of ["run", "log", "epoch"] as const) this.means[name].restore(state.means[name]);
  }
}
