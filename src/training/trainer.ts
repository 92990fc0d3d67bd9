// The Trainer: rows in, a trained model and its numbers out.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { defaultTask } from "../tasks/default-task.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { type ResolvedArgs, resolveArgs, type TrainingArgs } from "./args.js";
import { markData } from "./checkpoint.js";
import { evaluateExamples } from "./evaluate.js";
import type { TrainEvent, TrainResult } from "./events.js";
import { Random } from "./random.js";
import { Rest } from "./rest.js";
import { TrainingRun } from "./run.js";
import type { DataRow, PrepareContext, Task, TrainableModel } from "./task.js";

// In the place of an epoch, and one that no run reaches.
const EVALUATION = 2 ** 32 - 1;
const VARIED_TOGETHER = 64;

export interface TrainerOptions<Result> {
  /** The model to train; left out where modelInit makes one. */
  model?: TrainableModel;
  /** Makes a fresh model for every run: for searches of hyper-parameters. Whoever makes it disposes of it. */
  modelInit?: () => TrainableModel | Promise<TrainableModel>;
  tokenizer?: Tokenizer;
  /** Default: the task of the model's head, such as textClassification(). */
  task?: Task<unknown, Result>;
  /** Rows to train on. */
  train?: readonly DataRow[];
  /** Rows to evaluate on. */
  eval?: readonly DataRow[];
  args?: TrainingArgs;
  /** Turns one row into an example, instead of the task. */
  prepare?: (row: DataRow, index: number) => Example | Promise<Example>;
  /** Called with every event, in order, and awaited. */
  callbacks?: readonly ((event: TrainEvent) => void | Promise<void>)[];
  /** Metrics of an evaluation, instead of the task's. */
  computeMetrics?: (results: Result[], examples: readonly Example[]) => Record<string, number>;
}

export interface SignalOptions {
  /** Stops the work: the promise or the iteration rejects with ERR_ABORTED. */
  signal?: AbortSignal;
}

type Prepared = Map<readonly DataRow[], Promise<Example[]>>;

/**
 * Fine-tunes a model with AdamW. The event loop stays free: the device works on its own thread, and what
 * remains of the work in JavaScript is done in slices.
 *
 * The seed decides the order of rows and dropout: the same seed, data and machine give the same bits, also
 * when a run is resumed from a checkpoint.
 *
 * @example
 * const trainer = new Trainer({ model, tokenizer, train: rows, args: { epochs: 3, learningRate: 2e-5 } });
 * for await (const event of trainer.run({ signal })) console.log(event.step, event.loss);
 */
export class Trainer<Result = unknown> {
  readonly args: ResolvedArgs;
  readonly #options: TrainerOptions<Result>;
  readonly #prepared = { train: new Map() as Prepared, evaluate: new Map() as Prepared };
  #model: TrainableModel | undefined;
  #running = false;
  #last: TrainingRun | undefined;

  /** @throws ERR_ARGUMENT naming what is wrong */
  constructor(options: TrainerOptions<Result>) {
    if (typeof options !== "object" || options === null) throw fault("options", "an object", options);
    const { model, modelInit, train, eval: evalRows } = options;
    if (!model === !modelInit)
      throw fault("model", "given, or modelInit instead", model ? "both" : "neither");
    for (const [name, rows] of Object.entries({ train, eval: evalRows })) {
      if (rows !== undefined && !Array.isArray(rows)) throw fault(name, "an array of rows", typeof rows);
    }
    this.#options = options;
    this.#model = model;
    this.args = resolveArgs(options.args ?? {}, evalRows !== undefined);
    const { precision } = this.args;
    if (precision === "bf16" && model?.device === "cpu") {
      throw fault("precision", '"f32" for a model on the CPU', precision);
    }
  }

  /** The model; with modelInit that of the last run. @throws ERR_ARGUMENT before the first one */
  get model(): TrainableModel {
    if (this.#model) return this.#model;
    throw fault("model", "made by a run before it is used", "no run yet");
  }

  /**
   * Trains, and tells what happens. Leaving the loop ends the run: what is on the queue is waited for,
   * optimizer state and gradients are freed, the model stays usable.
   *
   * Throws ERR_ABORTED when the signal is given; ERR_DATA for an empty data set or rows that the task
   * refuses; ERR_CHECKPOINT for a checkpoint that does not fit; the first cause when an update was skipped (a
   * label out of range, say): that step changed nothing, at most one later step did, and the caller may run
   * again from there.
   */
  async *run({ signal }: SignalOptions = {}): AsyncGenerator<TrainEvent, void, undefined> {
    if (this.#running) throw fault("run", "over before the next one begins", "a second one");
    this.#running = true;
    try {
      const { modelInit, train, eval: evalRows, tokenizer, callbacks = [] } = this.#options;
      if (modelInit) this.#model = await modelInit();
      const { model, args } = this;
      if (!train?.length)
        throw new AthanorError("ERR_DATA", "Trainer: train must have at least one row, got none");
      const examples = await this.#examples(train, "train", signal);
      const data = await markData(examples, new Rest(signal));
      const evaluate = () => this.evaluate(evalRows, { signal });
      const vary = this.#vary();
      const run = new TrainingRun({ model, examples, vary, data, args, tokenizer, signal, evaluate });
      this.#last = run;
      for await (const event of run.events()) {
        for (const callback of callbacks) await callback(event);
        yield event;
      }
    } finally {
      this.#running = false;
    }
  }

  /** Trains to the end. Rejects as run() throws. */
  async train(options: SignalOptions = {}): Promise<TrainResult> {
    const start = performance.now();
    let last: TrainEvent | undefined;
    for await (const event of this.run(options)) last = event;
    const seconds = (performance.now() - start) / 1000;
    const { metrics, best, tokensBefore } = this.#last!;
    const { step: steps, loss, ...end } = last!;
    const tokens = end.tokens - tokensBefore;
    return { steps, loss, tokens, seconds, tokensPerSecond: tokens / seconds, metrics, best };
  }

  /**
   * Loss and metrics on rows with labels; default: the `eval` rows. Rejects with ERR_DATA for an empty data
   * set, and as run() throws.
   */
  async evaluate(rows = this.#options.eval, { signal }: SignalOptions = {}): Promise<Record<string, number>> {
    if (!rows?.length)
      throw new AthanorError("ERR_DATA", "Trainer: eval must have at least one row, got none");
    const examples = await this.#fixed(await this.#examples(rows, "evaluate", signal), signal);
    const { results, loss } = await this.#evaluate(examples, rows, signal);
    const { computeMetrics } = this.#options;
    const metrics = computeMetrics
      ? computeMetrics(results, examples)
      : this.#task().metrics(results, examples, this.model, rows, loss);
    return { ...(loss === undefined ? {} : { loss }), ...metrics };
  }

  /** The task's results for rows, which need no labels, mostly one each. Rejects as evaluate() does. */
  async predict(rows: readonly DataRow[], { signal }: SignalOptions = {}): Promise<Result[]> {
    if (!Array.isArray(rows)) throw fault("rows", "an array", typeof rows);
    if (rows.length === 0) return [];
    const examples = await this.#prepare(rows, "predict", signal);
    return (await this.#evaluate(examples, rows, signal)).results;
  }

  #task(): Task<unknown, Result> {
    return this.#options.task ?? (defaultTask(this.model) as Task<unknown, Result>);
  }

  /** What batches with labels see of their examples; only the task that made examples may change them. */
  #vary(): Task["vary"] {
    const task = this.#options.prepare ? undefined : this.#task();
    return task?.vary?.bind(task);
  }

  /** What every evaluation sees of its examples, whatever the size of its batches. */
  async #fixed(examples: readonly Example[], signal?: AbortSignal): Promise<readonly Example[]> {
    const vary = this.#vary();
    if (!vary) return examples;
    const rest = new Rest(signal);
    const seen: Example[] = [];
    for (let first = 0; first < examples.length; first += VARIED_TOGETHER) {
      const random = new Random(this.args.seed, { epoch: EVALUATION, step: first });
      for (const example of vary(examples.slice(first, first + VARIED_TOGETHER), random)) seen.push(example);
      await rest.ifDue();
    }
    return seen;
  }

  async #evaluate(
    examples: readonly Example[],
    rows: readonly DataRow[],
    signal?: AbortSignal,
  ): Promise<{ results: Result[]; loss: number | undefined }> {
    const { evalBatchSize: batchSize } = this.args;
    const task = this.#task();
    const { predictions, loss } = await evaluateExamples(this.model, task, examples, { batchSize, signal });
    const results = task.join?.(predictions, examples, rows, this.model) ?? (predictions as Result[]);
    return { results, loss };
  }

  /** Rows of the Trainer's own are prepared once. */
  async #examples(
    rows: readonly DataRow[],
    purpose: "train" | "evaluate",
    signal?: AbortSignal,
  ): Promise<Example[]> {
    const own = rows === this.#options.train || rows === this.#options.eval;
    if (!own) return this.#prepare(rows, purpose, signal);
    const prepared = this.#prepared[purpose];
    let examples = prepared.get(rows);
    if (!examples) {
      examples = this.#prepare(rows, purpose, signal);
      prepared.set(rows, examples);
      examples.catch(() => prepared.delete(rows));
    }
    return examples;
  }

  async #prepare(
    rows: readonly DataRow[],
    purpose: PrepareContext["purpose"],
    signal?: AbortSignal,
  ): Promise<Example[]> {
    const { tokenizer, prepare } = this.#options;
    const rest = new Rest(signal);
    if (!prepare) {
      const { model } = this;
      const labels = purpose === "predict" ? "none" : "required";
      return this.#task().prepare(rows, { model, tokenizer, labels, purpose, rest: () => rest.ifDue() });
    }
    const examples: Example[] = [];
    for (const [index, row] of rows.entries()) {
      examples.push(await prepare(row, index));
      await rest.ifDue();
    }
    return examples;
  }
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `Trainer: ${name} must be ${needed}, got ${String(came)}`);
}
