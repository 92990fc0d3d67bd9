// One run of training: an asynchronous generator of events. The gradients of a step are enqueued while the one before
// runs, its update once that was sound; the event loop has a turn after every forward, backward and update; and nothing
// is left behind however the run ends.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { ready, synchronize } from "../tensor/device.js";
import { Generator } from "../tensor/random.js";
import { Random } from "../tensor/random-stream.js";
import type { ResolvedArgs } from "./args.js";
import { loadCheckpoint, loadWeights, newestCheckpoint, readState } from "./checkpoint.js";
import { argumentFault } from "./checks.js";
import type { TrainEvent } from "./events.js";
import { groupsByRules } from "./group-rules.js";
import { enqueueLayerNorms } from "./layer-norms.js";
import { isDue, type MilestoneParts, Milestones } from "./milestones.js";
import { notFiniteError } from "./not-finite.js";
import { makeOptimizer } from "./optimizers/by-name.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { Plan } from "./plan.js";
import { Rest, throwIfAborted, turn } from "./rest.js";
import { essentialArgs, scheduleOf } from "./run-schedule.js";
import { RunState, type StepMark } from "./run-state.js";
import type { Schedule } from "./schedule.js";
import { type EnqueuedGradients, enqueueGradients, enqueueUpdate, type StepNumbers } from "./step.js";
import { type Task, type TrainableModel, tokenCountOf } from "./task.js";

export interface RunParts extends Omit<MilestoneParts, "optimizer"> {
  examples: readonly Example[];
  /** What a batch sees of its examples. */
  vary?: Task["vary"];
  signal?: AbortSignal;
}

/** A step's batches, and what dropout began with. */
interface StepSource {
  group: Example[][];
  rows: number[];
  generator: { seed: number; calls: number };
}

interface PendingStep extends StepMark, StepSource {
  numbers: Promise<StepNumbers>;
  layerNorms?: Promise<Record<string, number>>;
}

export class TrainingRun {
  readonly state = new RunState();
  readonly #parts: RunParts;
  readonly #optimizer: Optimizer;
  readonly #milestones: Milestones;
  #plan!: Plan;
  #schedule!: Schedule;
  /** Readings of what is on the queue. */
  #gradients: EnqueuedGradients | undefined;
  #pending: PendingStep | undefined;

  constructor(parts: RunParts) {
    const { model, args } = parts;
    this.#parts = parts;
    if (args.precision === "bf16") {
      if (!model.mixedPrecision) {
        throw new AthanorError("ERR_ARGUMENT", 'Trainer: precision must be "f32" for this model, got "bf16"');
      }
      model.mixedPrecision(true);
    }
    try {
      this.#optimizer = optimizerOf(model, args);
    } catch (error) {
      model.mixedPrecision?.(false);
      throw error;
    }
    this.#milestones = new Milestones({ ...parts, optimizer: this.#optimizer }, this.state);
  }

  /** The events, "end" last. Throws what stopped the run; ERR_ABORTED when the signal did. */
  async *events(): AsyncGenerator<TrainEvent, void, undefined> {
    const { model, args, callbacks } = this.#parts;
    const { training, gradientCheckpointing } = model;
    const { now } = this.state;
    let failed = true;
    try {
      await this.#begin();
      await callbacks.begin({ model, args, totalSteps: now.totalSteps, firstStep: now.step });
      model.train();
      if (args.gradientCheckpointing) requestCheckpointing(model);
      if (args.evalOnStart && now.step === 0) yield* this.#milestones.evaluate();
      while (now.step < now.totalSteps && callbacks.stopped === undefined) yield* this.#oneEpoch();
      yield* this.#end();
      failed = false;
    } finally {
      await Promise.allSettled([
        this.#pending?.numbers,
        this.#pending?.layerNorms,
        ...(this.#gradients?.losses ?? []),
      ]);
      this.#optimizer.zeroGrad();
      this.#optimizer.dispose();
      // A skipped update is reported by the next ready(): here, not at somebody else's.
      if (failed) await synchronize().catch(() => {});
      model.mixedPrecision?.(false);
      if (gradientCheckpointing !== undefined) model.gradientCheckpointing = gradientCheckpointing;
      if (training) model.train();
      else model.eval();
    }
  }

  async #begin(): Promise<void> {
    const { model, args, data, examples, callbacks, signal } = this.#parts;
    const lengths = Int32Array.from(examples, (example) => tokenCountOf(example, model));
    this.#plan = await Plan.make(lengths, args, signal);
    const { totalSteps } = this.#plan;
    this.state.now.totalSteps = totalSteps;
    this.#schedule = scheduleOf(args, totalSteps);
    model.generator = new Generator(args.seed);
    if (args.resume === false) return;
    const folder = args.resume === true ? await newestCheckpoint(args.outputFolder!) : args.resume;
    const state = await readState(folder, { args: essentialArgs(args), data, totalSteps });
    await loadCheckpoint(folder, model, this.#optimizer);
    model.generator = new Generator(state.generator.seed, state.generator.calls);
    this.state.restore(state, folder);
    this.#milestones.resumed(state.step);
    callbacks.restore(state.callbacks ?? {});
    callbacks.stopped = state.stopped;
  }

  async *#oneEpoch(): AsyncGenerator<TrainEvent, void, undefined> {
    const { args, callbacks, signal } = this.#parts;
    const { state } = this;
    const { totalSteps } = this.#plan;
    const steps = this.#plan.epoch(state.epoch);
    let enqueued = state.now.step;
    while (state.position < steps.length && enqueued < totalSteps && callbacks.stopped === undefined) {
      await ready();
      throwIfAborted(signal);
      const source = this.#sourceOf(steps[state.position], enqueued);
      this.#gradients = await enqueueGradients(this.#context, source.group);
      yield* this.#finishStep();
      if (callbacks.stopped !== undefined) {
        this.#takeBack(source);
        break;
      }
      enqueued++;
      state.position++;
      this.#update(source, { step: enqueued, epoch: state.epoch + state.position / steps.length });
      const epochEnds = state.position === steps.length || enqueued === totalSteps;
      const due = this.#milestones.afterStep(enqueued);
      if (!epochEnds && (due.evaluate || due.save)) {
        yield* this.#finishStep();
        yield* this.#milestones.reach(due);
      }
      await turn(signal);
    }
    yield* this.#finishStep();
    if (args.logEvery === "epoch") yield this.#log();
    yield state.event("epoch", { loss: state.means.epoch.value });
    state.means.epoch.reset();
    if (state.position === steps.length) [state.epoch, state.position] = [state.epoch + 1, 0];
    const over = enqueued === totalSteps || callbacks.stopped !== undefined;
    yield* this.#milestones.reach(this.#milestones.afterEpoch(enqueued, over));
  }

  async *#end(): AsyncGenerator<TrainEvent, void, undefined> {
    const { args, model, callbacks } = this.#parts;
    const { state } = this;
    // A callback may have stopped the run at the end of an epoch, after which nothing was saved.
    if (callbacks.stopped !== undefined) {
      yield* this.#milestones.reach({
        ...this.#milestones.afterEpoch(state.now.step, true),
        evaluate: false,
      });
    }
    if (args.loadBestAtEnd && state.best?.folder) await loadWeights(state.best.folder, model);
    yield state.event("end", {
      loss: state.means.run.value,
      ...(state.metrics && { metrics: state.metrics }),
      ...(callbacks.stopped !== undefined && { stopped: callbacks.stopped }),
    });
  }

  get #context() {
    const { model, args, signal } = this.#parts;
    return { model, optimizer: this.#optimizer, maxGradNorm: args.maxGradNorm, signal };
  }

  /** @param step steps before it */
  #sourceOf(batches: readonly (readonly number[])[], step: number): StepSource {
    const { model, examples, vary, args } = this.#parts;
    const { seed, calls } = model.generator;
    const group = batches.map((rows, batch) => {
      const seen = rows.map((row) => examples[row]);
      return vary?.(seen, new Random(args.seed, { epoch: this.state.epoch, step, batch })) ?? seen;
    });
    const rows = batches.flat().map((row) => examples[row].row ?? row);
    return { group, rows: [...new Set(rows)], generator: { seed, calls } };
  }

  /** Enqueues the update by the gradients that are on the queue. */
  #update(source: StepSource, { step, epoch }: Pick<StepMark, "step" | "epoch">): void {
    const learningRate = this.#parts.args.learningRate * this.#schedule(step - 1);
    this.#optimizer.lr = learningRate;
    const { args, model } = this.#parts;
    const layerNorms =
      args.logLayerNorms && this.#isLogged(step) ? enqueueLayerNorms(model.parameters()) : undefined;
    const { tokens, labels, numbers } = enqueueUpdate(this.#context, this.#gradients!);
    this.#pending = { ...source, step, epoch, learningRate, tokens, labels, numbers, layerNorms };
    this.#gradients = undefined;
  }

  /** Forgets gradients whose update is not wanted any more, as if they had not been computed. */
  #takeBack({ generator }: StepSource): void {
    this.#optimizer.zeroGrad();
    this.#parts.model.generator = new Generator(generator.seed, generator.calls);
  }

  /** Waits for the step under way, if there is one. */
  async *#finishStep(): AsyncGenerator<TrainEvent, void, undefined> {
    const pending = this.#pending;
    if (!pending) return;
    const { signal } = this.#parts;
    const numbers = await pending.numbers;
    this.#pending = undefined;
    if (!Number.isFinite(numbers.loss) || !Number.isFinite(numbers.gradNorm)) {
      this.#optimizer.zeroGrad(); // of the next step
      throw await notFiniteError(this.#parts.model, { ...pending, numbers }, new Rest(signal));
    }
    this.state.add(pending, numbers);
    throwIfAborted(signal);
    const layerNorms = pending.layerNorms && { layerNorms: await pending.layerNorms };
    yield this.state.event("step", { ...layerNorms });
    if (this.#isLogged(pending.step)) yield this.#log(layerNorms);
  }

  #isLogged(step: number): boolean {
    const { logEvery, logFirstStep } = this.#parts.args;
    return isDue(logEvery, step) || (step === 1 && logFirstStep);
  }

  #log(more: Partial<TrainEvent> = {}): TrainEvent {
    const { log } = this.state.means;
    const loss = log.value;
    log.reset();
    return this.state.event("log", { loss, ...more });
  }
}

function optimizerOf(model: TrainableModel, args: ResolvedArgs): Optimizer {
  const { learningRate: lr, weightDecay, optimizer, optimizerOptions, parameterGroups } = args;
  const parameters = model.parameters();
  if (![...parameters.values()].some(({ requiresGrad }) => requiresGrad)) {
    throw argumentFault("model", "one with a parameter that is trained", "all of them frozen");
  }
  const groups = groupsByRules(parameters, parameterGroups, args);
  return makeOptimizer(optimizer, groups, { lr, weightDecay, ...optimizerOptions });
}

function requestCheckpointing(model: TrainableModel): void {
  if (model.gradientCheckpointing === undefined) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      "Trainer: gradientCheckpointing must be false for this model, which has no such property, got true",
    );
  }
  model.gradientCheckpointing = true;
}
