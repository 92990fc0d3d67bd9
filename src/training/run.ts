// One run of training: an asynchronous generator of events. It stays at most two steps ahead of the device,
// gives the event loop a turn after every forward, backward and update, and leaves nothing behind however it
// ends.
import { basename, dirname, join } from "node:path";
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { ready, synchronize } from "../tensor/device.js";
import { Generator } from "../tensor/random.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { type Every, essentialArgs, type ResolvedArgs, scheduleOf } from "./args.js";
import {
  type DataMark,
  loadCheckpoint,
  loadWeights,
  newestCheckpoint,
  pruneCheckpoints,
  readState,
  saveCheckpoint,
  type TrainerState,
} from "./checkpoint.js";
import { type BestEvaluation, Throughput, type TrainEvent, WeightedMean } from "./events.js";
import { AdamW } from "./optimizer.js";
import { Plan } from "./plan.js";
import { Random, type RandomPlace } from "./random.js";
import { throwIfAborted, turn } from "./rest.js";
import { type EnqueuedStep, enqueueStep } from "./step.js";
import { type Task, type TrainableModel, tokenCount } from "./task.js";

// Steps on the queue beside the one that runs: more would only delay errors and aborts.
const STEPS_AHEAD = 2;

export interface RunParts {
  model: TrainableModel;
  examples: readonly Example[];
  /** What a batch sees of its examples. */
  vary?: Task["vary"];
  data: DataMark;
  args: ResolvedArgs;
  tokenizer?: Tokenizer;
  signal?: AbortSignal;
  /** Loss and metrics on the evaluation rows. */
  evaluate(): Promise<Record<string, number>>;
}

interface PendingStep extends EnqueuedStep {
  step: number;
  epoch: number;
  learningRate: number;
}

export class TrainingRun {
  best: BestEvaluation | undefined;
  metrics: Record<string, number> | undefined;
  /** Tokens of the steps before a resume. */
  tokensBefore = 0;
  readonly #parts: RunParts;
  readonly #optimizer: AdamW;
  readonly #pending: PendingStep[] = [];
  readonly #throughput = new Throughput();
  readonly #means = { run: new WeightedMean(), log: new WeightedMean(), epoch: new WeightedMean() };
  readonly #now: Omit<TrainEvent, "type"> = {
    ...{ step: 0, totalSteps: 0, epoch: 0, loss: Number.NaN, learningRate: 0, gradNorm: Number.NaN },
    ...{ tokens: 0, tokensPerSecond: 0 },
  };
  #plan!: Plan;
  #epoch = 0;
  #position = 0;

  constructor(parts: RunParts) {
    const { model, args } = parts;
    const { learningRate: lr, betas, eps, weightDecay } = args;
    this.#parts = parts;
    if (args.precision === "bf16") {
      if (!model.mixedPrecision) {
        throw new AthanorError("ERR_ARGUMENT", 'Trainer: precision must be "f32" for this model, got "bf16"');
      }
      model.mixedPrecision(true);
    }
    this.#optimizer = new AdamW(model.parameters(), { lr, betas, eps, weightDecay });
  }

  /** The events, "end" last. Throws what stopped the run; ERR_ABORTED when the signal did. */
  async *events(): AsyncGenerator<TrainEvent, void, undefined> {
    const { model } = this.#parts;
    const training = model.training;
    let failed = true;
    try {
      await this.#begin();
      model.train();
      while (this.#now.step < this.#plan.totalSteps) yield* this.#oneEpoch();
      yield* this.#end();
      failed = false;
    } finally {
      await Promise.allSettled(this.#pending.map(({ numbers }) => numbers));
      this.#optimizer.zeroGrad();
      this.#optimizer.dispose();
      // A skipped update is reported by the next ready(): here, not at somebody else's.
      if (failed) await synchronize().catch(() => {});
      model.mixedPrecision?.(false);
      if (training) model.train();
      else model.eval();
    }
  }

  async #begin(): Promise<void> {
    const { model, args, data, examples, signal } = this.#parts;
    this.#plan = await Plan.make(Int32Array.from(examples, tokenCount), args, signal);
    this.#now.totalSteps = this.#plan.totalSteps;
    model.generator = new Generator(args.seed);
    if (args.resume === false) return;
    const folder = args.resume === true ? await newestCheckpoint(args.outputFolder!) : args.resume;
    const { totalSteps } = this.#plan;
    const state = await readState(folder, { args: essentialArgs(args), data, totalSteps });
    await loadCheckpoint(folder, model, this.#optimizer);
    model.generator = new Generator(state.generator.seed, state.generator.calls);
    Object.assign(this.#now, { step: state.step, tokens: state.tokens });
    [this.#epoch, this.#position] = [state.epoch, state.position];
    this.tokensBefore = state.tokens;
    this.metrics = state.metrics;
    // The checkpoints may have been moved: the best one lies beside this one.
    const bestFolder = state.best?.folder && join(dirname(folder), basename(state.best.folder));
    this.best = state.best && { ...state.best, folder: bestFolder };
    for (const name of ["run", "log", "epoch"] as const) this.#means[name].restore(state.means[name]);
  }

  async *#oneEpoch(): AsyncGenerator<TrainEvent, void, undefined> {
    const { args, model, examples, signal } = this.#parts;
    const steps = this.#plan.epoch(this.#epoch);
    const { totalSteps } = this.#plan;
    const schedule = scheduleOf(args, totalSteps);
    const optimizer = this.#optimizer;
    const context = { model, optimizer, maxGradNorm: args.maxGradNorm, signal };
    let enqueued = this.#now.step;
    while (this.#position < steps.length && enqueued < totalSteps) {
      while (this.#pending.length >= STEPS_AHEAD) yield* this.#finishStep();
      await ready();
      throwIfAborted(signal);
      const learningRate = args.learningRate * schedule(enqueued);
      optimizer.lr = learningRate;
      const group = steps[this.#position].map((rows, batch) =>
        this.#varied(
          rows.map((row) => examples[row]),
          { epoch: this.#epoch, step: enqueued, batch },
        ),
      );
      const step = await enqueueStep(context, group);
      enqueued++;
      this.#position++;
      const epoch = this.#epoch + this.#position / steps.length;
      this.#pending.push({ ...step, step: enqueued, epoch, learningRate });
      const evaluate = isDue(args.evalEvery, enqueued);
      const save = isDue(args.saveEvery, enqueued);
      const epochEnds = this.#position === steps.length || enqueued === totalSteps;
      if (!epochEnds && (evaluate || save)) yield* this.#pause(evaluate, save);
      await turn(signal);
    }
    const over = enqueued === totalSteps; // the last state is kept by whoever saves at all
    const evaluate = args.evalEvery === "epoch" || isDue(args.evalEvery, enqueued);
    const save =
      args.saveEvery === "epoch" || isDue(args.saveEvery, enqueued) || (over && args.saveEvery !== "no");
    yield* this.#finishSteps();
    yield this.#event("epoch", { loss: this.#means.epoch.value });
    this.#means.epoch.reset();
    if (this.#position === steps.length) [this.#epoch, this.#position] = [this.#epoch + 1, 0];
    yield* this.#pause(evaluate, save);
  }

  #varied(examples: Example[], place: RandomPlace): Example[] {
    const { vary, args } = this.#parts;
    return vary ? vary(examples, new Random(args.seed, place)) : examples;
  }

  /** Waits for the steps under way, then evaluates and saves. */
  async *#pause(evaluate: boolean, save: boolean): AsyncGenerator<TrainEvent, void, undefined> {
    yield* this.#finishSteps();
    const { outputFolder } = this.#parts.args;
    let better = false;
    if (evaluate) {
      this.metrics = await this.#parts.evaluate();
      better = this.#noteBest(this.metrics);
      yield this.#event("evaluate", { metrics: this.metrics });
      this.#throughput.restart();
    }
    const { loadBestAtEnd } = this.#parts.args;
    if (outputFolder !== undefined && (save || (better && loadBestAtEnd))) {
      yield this.#event("save", { folder: await this.#save(outputFolder, better) });
      this.#throughput.restart();
    }
  }

  async *#end(): AsyncGenerator<TrainEvent, void, undefined> {
    const { args, model } = this.#parts;
    if (args.loadBestAtEnd && this.best?.folder) await loadWeights(this.best.folder, model);
    yield this.#event("end", { loss: this.#means.run.value, ...(this.metrics && { metrics: this.metrics }) });
  }

  async *#finishSteps(): AsyncGenerator<TrainEvent, void, undefined> {
    while (this.#pending.length > 0) yield* this.#finishStep();
  }

  async *#finishStep(): AsyncGenerator<TrainEvent, void, undefined> {
    const { step, epoch, learningRate, tokens, labels, numbers } = this.#pending[0];
    const { loss, gradNorm } = await numbers;
    this.#pending.shift();
    this.#throughput.mark(tokens);
    const now = this.#now;
    Object.assign(now, { step, epoch, learningRate, loss, gradNorm, tokens: now.tokens + tokens });
    for (const mean of Object.values(this.#means)) mean.add(loss, labels);
    throwIfAborted(this.#parts.signal);
    yield this.#event("step", {});
    if (step % this.#parts.args.logEvery !== 0) return;
    const mean = this.#means.log.value;
    this.#means.log.reset();
    yield this.#event("log", { loss: mean });
  }

  #event(type: TrainEvent["type"], more: Partial<TrainEvent>): TrainEvent {
    return { type, ...this.#now, tokensPerSecond: this.#throughput.tokensPerSecond, ...more };
  }

  #noteBest(metrics: Record<string, number>): boolean {
    const { metric, greaterIsBetter } = this.#parts.args;
    const value = metrics[metric];
    if (value === undefined) {
      const known = Object.keys(metrics).join(", ");
      throw new AthanorError("ERR_ARGUMENT", `Trainer: metric must be one of ${known}, got ${metric}`);
    }
    const better = !this.best || (greaterIsBetter ? value > this.best.value : value < this.best.value);
    if (better) this.best = { metric, value, step: this.#now.step };
    return better;
  }

  async #save(outputFolder: string, better: boolean): Promise<string> {
    const { args, data, model, tokenizer } = this.#parts;
    const { step, totalSteps, tokens } = this.#now;
    if (better && this.best) this.best.folder = join(outputFolder, `checkpoint-${step}`);
    const { seed, calls } = model.generator;
    const { run, log, epoch } = this.#means;
    const state: TrainerState = {
      ...{ version: 1, step, totalSteps, epoch: this.#epoch, position: this.#position, tokens },
      ...{
        generator: { seed, calls },
        args: essentialArgs(args),
        data,
        best: this.best,
        metrics: this.metrics,
      },
      means: { run: run.state, log: log.state, epoch: epoch.state },
    };
    const folder = await saveCheckpoint(outputFolder, state, {
      model,
      optimizer: this.#optimizer,
      tokenizer,
    });
    const { saveTotalLimit } = args;
    if (saveTotalLimit !== undefined) await pruneCheckpoints(outputFolder, saveTotalLimit, this.best?.folder);
    return folder;
  }
}

function isDue(every: Every, step: number): boolean {
  return typeof every === "number" && step % every === 0;
}
