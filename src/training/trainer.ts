// The Trainer: rows in, a trained model and its numbers out.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { defaultTask } from "../tasks/default-task.js";
import { Random } from "../tensor/random-stream.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { ResolvedArgs, TrainingArgs } from "./args.js";
import type { Outcome } from "./callbacks/callback.js";
import { CallbackList, type CallbackOption } from "./callbacks/callback-list.js";
import { runManifest } from "./callbacks/run-manifest.js";
import { type DataMark, markData } from "./checkpoint.js";
import { argumentFault as fault } from "./checks.js";
import { evaluateExamples } from "./evaluate.js";
import type { TrainEvent, TrainResult } from "./events.js";
import { resolveArgs } from "./resolve-args.js";
import { Rest } from "./rest.js";
import { TrainingRun } from "./run.js";
import type { DataRow, PrepareContext, Task, TrainableModel } from "./task.js";

// In the place of an epoch, and one that no run reaches.
const EVALUATION = 2 ** 32 - 1;
// Few enough for a slice of work.
const VARIED_TOGETHER = 8;

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
  /** Told what happens, in order, and awaited; a function gets every event. */
  callbacks?: readonly CallbackOption[];
  /** Metrics of an evaluation, instead of the task's. */
  computeMetrics?: (results: Result[], examples: readonly Example[]) => Record<string, number>;
}

export interface SignalOptions {
  /** Stops the work: the promise or the iteration rejects with ERR_ABORTED. */
  signal?: AbortSignal;
}

type Prepared = Map<readonly DataRow[], Promise<Example[]>>;

/**
 * Trains a model. The event loop stays free: the device works on its own thread, and what
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
  #prepared = { train: new Map() as Prepared, evaluate: new Map() as Prepared };
  #model: TrainableModel | undefined;
  #default: { model: TrainableModel; task: Task<unknown, Result> } | undefined;
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
    new CallbackList(options.callbacks ?? []);
    if (model) this.#setLoss(model);
  }

  /** The model; with modelInit that of the last run. @throws ERR_ARGUMENT before the first one */
  get model(): TrainableModel {
    if (this.#model) return this.#model;
    throw fault("model", "made by a run before it is used", "no run yet");
  }

  /**
   * A Trainer of the same parts with other arguments; rows that either has prepared are shared.
   *
   * @throws ERR_ARGUMENT without modelInit, as both would train one model; or naming what is wrong
   * @example
   * const faster = trainer.withArgs({ learningRate: 1e-3 });
   */
  withArgs(args: TrainingArgs): Trainer<Result> {
    if (!this.#options.modelInit) throw fault("modelInit", "given for withArgs", "a model");
    const other = new Trainer({ ...this.#options, args: { ...this.#options.args, ...args } });
    other.#prepared = this.#prepared;
    return other;
  }

  /**
   * Trains, and tells what happens. Leaving the loop ends the run: what is on the queue is waited for,
   * optimizer state and gradients are freed, the model stays usable.
   *
   * Throws ERR_ABORTED when the signal is given; ERR_DATA for an empty data set or rows that the task
   * refuses, and for a loss or gradients that are NaN or infinite, naming step, rows and the first layer where that
   * appeared (`cause` has them as values); ERR_CHECKPOINT for a checkpoint that does not fit; the first cause when an
   * update was skipped (a label out of range, say). A step that failed changed nothing, nor did any after it: the
   * caller may run again from there.
   */
  async *run({ signal }: SignalOptions = {}): AsyncGenerator<TrainEvent, void, undefined> {
    if (this.#running) throw fault("run", "over before the next one begins", "a second one");
    this.#running = true;
    const callbacks = new CallbackList(this.#options.callbacks ?? []);
    const outcome: Outcome = { status: "left" };
    try {
      const run = await this.#prepareRun(callbacks, signal);
      for await (const event of run.events()) {
        await callbacks.notify(event);
        yield event;
      }
      outcome.status = callbacks.stopped === undefined ? "finished" : "stopped";
    } catch (error) {
      outcome.status = (error as AthanorError)?.code === "ERR_ABORTED" ? "aborted" : "failed";
      outcome.error = error;
      throw error;
    } finally {
      this.#running = false;
      await callbacks.close(outcome);
    }
  }

  /** The model, the examples and their marks: all that may fail before the first step. */
  async #prepareRun(callbacks: CallbackList, signal?: AbortSignal): Promise<TrainingRun> {
    const { modelInit, train, eval: evalRows, tokenizer } = this.#options;
    if (modelInit) {
      this.#model = await modelInit();
      this.#setLoss(this.#model);
    }
    const { model, args } = this;
    this.#checkMetric();
    if (!train?.length)
      throw new AthanorError("ERR_DATA", "Trainer: train must have at least one row, got none");
    const examples = await this.#examples(train, "train", signal);
    const data = await markData(examples, new Rest(signal));
    const { outputFolder } = args;
    const evaluates = args.evalEvery !== "no" || args.evalOnStart;
    const evalMark = outputFolder !== undefined && evaluates ? await this.#evalMark(signal) : undefined;
    const evaluate = () => this.evaluate(evalRows, { signal });
    const vary = this.#vary();
    const parts = { model, examples, vary, data, args, tokenizer, callbacks, signal, evaluate };
    const run = new TrainingRun(parts);
    this.#last = run;
    if (outputFolder !== undefined) {
      const marks = { train: data, ...(evalMark && { eval: evalMark }) };
      const task = this.#options.task?.name ?? (this.#options.prepare ? "prepare" : this.#task().name);
      callbacks.add(runManifest({ outputFolder, task, data: marks, best: () => run.state.best }));
    }
    return run;
  }

  /** Evaluations must give the metric that the best checkpoint is chosen by. @throws ERR_ARGUMENT */
  #checkMetric(): void {
    const { metric, evalEvery } = this.args;
    const { computeMetrics, prepare } = this.#options;
    if (evalEvery === "no" || computeMetrics || prepare) return;
    const known = this.#task().metricNames?.(this.model);
    if (known === undefined || metric === "loss" || known.includes(metric)) return;
    throw fault("metric", `one of loss, ${known.join(", ")}`, metric);
  }

  async #evalMark(signal?: AbortSignal): Promise<DataMark | undefined> {
    const rows = this.#options.eval;
    return rows?.length
      ? markData(await this.#examples(rows, "evaluate", signal), new Rest(signal))
      : undefined;
  }

  #setLoss(model: TrainableModel): void {
    const { loss } = this.args;
    if (Object.keys(loss).length === 0) return;
    if (!model.setLoss) throw fault(Object.keys(loss)[0], "left out for a model without setLoss()", "one");
    model.setLoss(loss);
  }

  /** Trains to the end. Rejects as run() throws. */
  async train(options: SignalOptions = {}): Promise<TrainResult> {
    const start = performance.now();
    let last: TrainEvent | undefined;
    for await (const event of this.run(options)) last = event;
    const seconds = (performance.now() - start) / 1000;
    const { metrics, best, tokensBefore } = this.#last!.state;
    const { step: steps, loss, stopped, ...end } = last!;
    const tokens = end.tokens - tokensBefore;
    const speed = { tokens, seconds, tokensPerSecond: tokens / seconds };
    return { steps, loss, ...speed, metrics, best, ...(stopped !== undefined && { stopped }) };
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
    if (this.#options.task) return this.#options.task;
    // One for a model, as a task may know the examples that it has prepared.
    if (this.#default?.model !== this.model) {
      this.#default = { model: this.model, task: defaultTask(this.model) as Task<unknown, Result> };
    }
    return this.#default.task;
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
    const { evalBatchSize: batchSize, seed } = this.args;
    const task = this.#task();
    const how = { batchSize, signal, seed };
    const { predictions, loss } = await evaluateExamples(this.model, task, examples, how);
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
