// What a training run tells about itself.

/**
 * An event of a run. All have the fields of progress; "evaluate" and "end" add metrics, "save" its folder.
 *
 * `step`: after each optimizer step, once its loss is known. `log`: as logEvery says; its loss is the mean since
 * the last one. `evaluate`, `save`, `epoch`: when that was done. `end`: the last one, also of a run that a callback
 * stopped.
 */
export interface TrainEvent {
  type: "step" | "log" | "evaluate" | "save" | "epoch" | "end";
  /** Optimizer steps made. */
  step: number;
  totalSteps: number;
  /** Passes over the data so far, as a fraction. */
  epoch: number;
  /** Mean loss per label: of the step, since the last log, or of the epoch; of the whole run at the end. */
  loss: number;
  /** Of the step. */
  learningRate: number;
  /** Norm of the step's gradients before clipping. */
  gradNorm: number;
  /** With `logLayerNorms`, of steps that are logged: the same by layer, "encoder.layer.3". */
  layerNorms?: Record<string, number>;
  /** Tokens trained on so far, also before a resume. */
  tokens: number;
  /** Over the last steps. */
  tokensPerSecond: number;
  /** evaluate: loss and metrics; end: those of the last evaluation. */
  metrics?: Record<string, number>;
  /** save: the checkpoint. */
  folder?: string;
  /** end: why a callback ended the run. */
  stopped?: string;
}

/** What `train()` resolves to. */
export interface TrainResult {
  /** Optimizer steps, also those before a resume. */
  steps: number;
  /** Mean loss per label over all steps, also those before a resume. */
  loss: number;
  /** Of this call, as are seconds. */
  tokens: number;
  seconds: number;
  tokensPerSecond: number;
  /** Of the last evaluation. */
  metrics?: Record<string, number>;
  /** The evaluation that was best by the chosen metric. */
  best?: BestEvaluation;
  /** Why a callback ended the run before its time. */
  stopped?: string;
}

export interface BestEvaluation {
  metric: string;
  value: number;
  step: number;
  /** The checkpoint, where there is one. */
  folder?: string;
}

/** A mean over steps, weighted by what each counted. */
export class WeightedMean {
  #sum = 0;
  #weight = 0;

  /** What has no weight is not looked at: the mean over no labels is NaN. */
  add(value: number, weight: number): void {
    if (weight === 0) return;
    this.#sum += value * weight;
    this.#weight += weight;
  }

  /** NaN when nothing was counted. */
  get value(): number {
    return this.#sum / this.#weight;
  }

  /** For a checkpoint: sum and weight. */
  get state(): [sum: number, weight: number] {
    return [this.#sum, this.#weight];
  }

  restore(state: readonly [sum: number, weight: number]): void {
    [this.#sum, this.#weight] = state;
  }

  reset(): void {
    this.restore([0, 0]);
  }
}

/** Tokens per second over the last steps. */
export class Throughput {
  #marks: { time: number; tokens: number }[] = [];

  constructor(private readonly window = 20) {
    this.restart();
  }

  /** After a pause: its time does not count. */
  restart(): void {
    this.#marks = [];
    this.mark(0);
  }

  mark(tokens: number): void {
    this.#marks.push({ time: performance.now(), tokens });
    if (this.#marks.length > this.window + 1) this.#marks.shift();
  }

  get tokensPerSecond(): number {
    const first = this.#marks[0];
    const last = this.#marks[this.#marks.length - 1];
    const tokens = this.#marks.slice(1).reduce((sum, mark) => sum + mark.tokens, 0);
    return last.time > first.time ? (tokens * 1000) / (last.time - first.time) : 0;
  }
}

const LESS_IS_BETTER = /loss$|^(?:.+_)?(?:perplexity|mse|mae)$/i;

/** Whether a metric of this name is better when it is greater: all but losses, errors and perplexity. */
export function isGreaterBetter(metric: string): boolean {
  return !LESS_IS_BETTER.test(metric);
}
