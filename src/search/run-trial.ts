// One trial: what is tried (a Trainer with other arguments, or what a function makes of the parameters), and how it ended.
import { AthanorError, errorCodes } from "../errors.js";
import { Random } from "../tensor/random-stream.js";
import type { ResolvedArgs, TrainingArgs } from "../training/args.js";
import type { TrainEvent, TrainResult } from "../training/events.js";
import { trainingArgNames } from "../training/resolve-args.js";
import type { TrainableModel } from "../training/task.js";
import { type Dimension, type Parameters, searchFault } from "./space.js";
import { bestValue, type Direction, type Evaluation, isBetter, type Trial } from "./trial.js";

/** The part of a Trainer that a search uses. */
export interface SearchTrainer {
  readonly args: ResolvedArgs;
  readonly model: TrainableModel;
  run(options?: { signal?: AbortSignal }): AsyncIterable<TrainEvent>;
  train(options?: { signal?: AbortSignal }): Promise<TrainResult>;
  withArgs(args: TrainingArgs): SearchTrainer;
}

/** What a function that is searched knows of its trial. */
export interface TrialContext {
  /** From 0. */
  readonly number: number;
  /** The trial's own, from the search's seed. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /**
   * Tells a value on the way, for the pruner and for the journal; not needed with a Trainer. Resolves to false when the
   * trial should end: what the function gives then no longer counts.
   */
  report(value: number, step?: number): Promise<boolean>;
}

/**
 * Gives the value of the objective, or a Trainer with a model of its own, which the search runs and whose model it
 * disposes of.
 */
export type SearchFunction = (
  parameters: Parameters,
  trial: TrialContext,
) => number | SearchTrainer | Promise<number | SearchTrainer>;

/** A Trainer with `modelInit`, whose arguments the space names; or a function. */
export type SearchTarget = SearchTrainer | SearchFunction;

/** Names of a part of an argument, such as "optimizerOptions.momentum". */
const PARTED = ["optimizerOptions", "scheduleOptions"];

/** @throws ERR_ARGUMENT for what cannot be searched, and for a parameter that is no argument of a Trainer */
export function checkTarget(target: SearchTarget, dimensions: readonly Dimension[]): void {
  if (typeof target === "function") return;
  if (typeof target?.run !== "function" || typeof target.withArgs !== "function") {
    throw searchFault("target", "a Trainer or a function", target === null ? "null" : typeof target);
  }
  for (const { name } of dimensions) {
    const [first, ...rest] = name.split(".");
    const known = rest.length === 0 ? trainingArgNames.includes(first) : PARTED.includes(first);
    if (!known || rest.length > 1) throw searchFault(name, "an argument of the Trainer", "an unknown name");
  }
  checkEvaluates(target);
  const { outputFolder } = target.args;
  if (outputFolder !== undefined) {
    const needed = "left out, as trials would overwrite each other";
    throw searchFault("trainer.args.outputFolder", needed, outputFolder);
  }
  target.withArgs({}); // refuses a Trainer whose trials would all train one model
}

/** The direction of a Trainer's metric. */
export function directionOf(trainer: SearchTrainer): Direction {
  return trainer.args.greaterIsBetter ? "maximize" : "minimize";
}

function checkEvaluates({ args }: SearchTrainer): void {
  if (args.evalEvery === "no") throw searchFault("trainer.args.evalEvery", 'other than "no"', "no");
}

/** The Trainer's arguments that parameters stand for. */
export function argsOf(parameters: Parameters): TrainingArgs {
  const args: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const [first, part] = name.split(".");
    args[first] = part === undefined ? value : { ...(args[first] as object), [part]: value };
  }
  return args;
}

/** A stream of the trial's own, apart from the sampler's. */
export function trialSeed(seed: number, number: number): number {
  return new Random(seed, { step: number, epoch: 1 }).word();
}

export interface TrialParts {
  number: number;
  parameters: Parameters;
  direction: Direction;
  seed: number;
  signal?: AbortSignal;
  /** Told of each evaluation. */
  onEvaluation(evaluation: Evaluation): void | Promise<void>;
  /** Whether the trial should end here. */
  isHopeless(evaluations: readonly Evaluation[]): boolean;
}

type Ending = Pick<Trial, "state" | "value" | "metrics" | "error">;

/**
 * Tries one set of parameters. Coded errors and a lack of memory are how a trial ends; rejects with ERR_ABORTED when the
 * signal was given, with what the listener throws, and with what has no code of this package: a mistake in the function.
 */
export async function runTrial(target: SearchTarget, parts: TrialParts): Promise<Trial> {
  const { number, parameters, direction } = parts;
  const start = performance.now();
  const evaluations: Evaluation[] = [];
  const ending = await endingOf(target, parts, evaluations);
  const seconds = (performance.now() - start) / 1000;
  const values = evaluations.map(({ value }) => value);
  const value = ending.value ?? bestValue(values, direction);
  const known = Number.isFinite(value) && ending.state !== "failed";
  return { number, parameters, evaluations, seconds, ...ending, ...(known && { value }) };
}

async function endingOf(target: SearchTarget, parts: TrialParts, evaluations: Evaluation[]): Promise<Ending> {
  const { number, parameters, seed, signal } = parts;
  let pruned = false;
  let untold = false;
  // Neither an abort nor a fault of who is told says anything of the parameters.
  const isOver = () => signal?.aborted === true || untold;
  const report = async (value: number, step = evaluations.length + 1) => {
    if (!Number.isFinite(value)) throw notFinite(value);
    evaluations.push({ step, value });
    try {
      await parts.onEvaluation({ step, value });
    } catch (error) {
      untold = true;
      throw error;
    }
    pruned ||= parts.isHopeless(evaluations);
    return !pruned;
  };
  const context = { number, seed: trialSeed(seed, number), ...(signal && { signal }), report };
  const make = () =>
    typeof target === "function" ? target(parameters, context) : target.withArgs(argsOf(parameters));
  const made = await attempt<number | SearchTrainer>(make, isOver);
  if ("failure" in made) return made.failure;
  const { given } = made;
  if (typeof given !== "number") {
    requireFit(given, parts.direction);
    const run = await attempt(() => runTrainer(given, parts, report), isOver);
    return "failure" in run ? run.failure : run.given;
  }
  if (pruned) return { state: "pruned" };
  return Number.isFinite(given) ? { state: "complete", value: given } : failure(notFinite(given));
}

/** What `work` gives, or how it ends the trial; rejects where the search is over. */
async function attempt<T>(
  work: () => T | Promise<T>,
  isOver: () => boolean,
): Promise<{ given: T } | { failure: Ending }> {
  try {
    return { given: await work() };
  } catch (error) {
    if (isOver() || !isOrdinary(error)) throw error;
    return { failure: failure(error as Error) };
  }
}

function failure(error: { code?: string; message: string }): Ending {
  const { code = "ERR_OUT_OF_MEMORY", message } = error;
  return { state: "failed", error: { code, message } };
}

async function runTrainer(
  trainer: SearchTrainer,
  { direction, signal }: TrialParts,
  report: (value: number, step: number) => Promise<boolean>,
): Promise<Ending> {
  const { metric } = trainer.args;
  let best: Record<string, number> | undefined;
  try {
    for await (const { type, step, metrics } of trainer.run(signal && { signal })) {
      if (type !== "evaluate" || step === 0) continue;
      const value = metrics![metric];
      const goesOn = await report(value, step);
      if (!best || isBetter(value, best[metric], direction)) best = metrics!;
      if (!goesOn) return { state: "pruned", value: best[metric], metrics: best };
    }
  } finally {
    disposeModel(trainer);
  }
  if (!best)
    throw new AthanorError("ERR_DATA", "search: a trial must evaluate at least once, got no evaluation");
  return { state: "complete", value: best[metric], metrics: best };
}

/** Mistakes that every trial would make: they end the search. @throws ERR_ARGUMENT */
function requireFit(trainer: SearchTrainer, direction: Direction): void {
  if (typeof trainer?.run !== "function") {
    throw searchFault(
      "target",
      "a function that gives a number or a Trainer",
      `one that gives ${typeof trainer}`,
    );
  }
  try {
    checkEvaluates(trainer);
    requireDirection(trainer, direction);
  } catch (error) {
    disposeModel(trainer);
    throw error;
  }
}

/** @throws ERR_ARGUMENT for one that the Trainer's metric does not have */
export function requireDirection(trainer: SearchTrainer, direction: Direction): void {
  const own = directionOf(trainer);
  if (own === direction) return;
  throw searchFault("direction", `"${own}" for the metric ${trainer.args.metric}`, direction);
}

function notFinite(value: number): AthanorError {
  return new AthanorError("ERR_DATA", `search: the objective must be a finite number, got ${String(value)}`);
}

/** Errors by which a trial may end: those of this package, and JavaScript's for want of memory. Node has codes, too. */
function isOrdinary(error: unknown): boolean {
  const { code, name, message } = error as { code?: unknown; name?: string; message?: string };
  if (typeof code === "string") return (errorCodes as readonly string[]).includes(code);
  return name === "RangeError" && /alloc|array (buffer )?length/i.test(message ?? "");
}

/** Frees the model of a trial, if there is one yet. */
export function disposeModel(trainer: SearchTrainer): void {
  let model: { dispose?(): void };
  try {
    model = trainer.model as { dispose?(): void };
  } catch {
    return; // modelInit itself failed
  }
  model.dispose?.();
}
