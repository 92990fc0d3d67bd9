// The search for good hyper-parameters: trial after trial, each told to the journal before the next begins.
import { throwIfAborted, turn } from "../training/rest.js";
import { parameterImportance } from "./importance.js";
import { Journal, type JournalHeader } from "./journal.js";
import { type MedianPrunerOptions, type PrunerName, prunerOf } from "./pruner.js";
import { checkTarget, directionOf, requireDirection, runTrial, type SearchTarget } from "./run-trial.js";
import { type SamplerName, samplerOf } from "./samplers.js";
import { dimensionsOf, type Parameters, type SearchSpace, searchFault } from "./space.js";
import { requireComplete, trialTable } from "./table.js";
import type { TpeOptions } from "./tpe.js";
import { type Direction, isBetter, type Trial } from "./trial.js";

/** What happens in a search. */
export type SearchEvent =
  | { type: "start"; number: number; trials: number; parameters: Parameters }
  | { type: "evaluation"; number: number; step: number; value: number }
  | { type: "end"; trial: Trial; trials: number; best?: Trial };

export interface SearchOptions {
  /** How many, those of a resumed journal included, from 1. A grid may be shorter, and is tried whole by default. */
  trials?: number;
  /** Default "tpe". */
  sampler?: SamplerName;
  /** Of TPE. */
  samplerOptions?: TpeOptions;
  /** Default "none". */
  pruner?: PrunerName;
  prunerOptions?: MedianPrunerOptions;
  /** Of the sampler, and of each trial's `seed`; default 0. A Trainer keeps the seed of its own arguments. */
  seed?: number;
  /** Of what a function gives; default "minimize". A Trainer's is that of its metric. */
  direction?: Direction;
  /** A file that keeps every trial (JSON Lines). */
  journal?: string;
  /** Goes on with the journal, where there is one. Default false. */
  resume?: boolean;
  /** Told what happens, and awaited; an error of its own ends the search. */
  onEvent?: (event: SearchEvent) => void | Promise<void>;
  /** Ends the search: it rejects with ERR_ABORTED. The journal keeps the trials that were over. */
  signal?: AbortSignal;
}

export interface SearchResult {
  best: Trial;
  /** In order of their numbers. */
  trials: Trial[];
  direction: Direction;
  /** By parameter; they sum to 1. See parameterImportance(). */
  importance: Record<string, number>;
  /** The trials for people, the best first. */
  table: string;
}

/**
 * Searches a space for the parameters with the best objective, one trial after another.
 *
 * The target is a Trainer with `modelInit`, whose arguments the space names (parts of optimizerOptions and
 * scheduleOptions with a dot; these then replace the Trainer's own), or a function of the parameters. The objective
 * of a Trainer is its best evaluation by `metric`. A trial that fails with a code (a loss that is NaN, want of memory,
 * arguments that exclude each other) is recorded, and the search goes on.
 *
 * The same seed gives the same trials, also when a search is resumed: a trial that was under way when the process
 * ended is run again from its beginning.
 *
 * Rejects with ERR_ARGUMENT for options that make no sense; ERR_CHECKPOINT for a journal that does not fit; ERR_ABORTED;
 * with the first trial's code when all trials failed; and with an error without a code at once, as it is a mistake.
 *
 * @example
 * const space = { learningRate: { type: "logUniform", low: 1e-5, high: 1e-2 } } as const;
 * const { best } = await search(new Trainer({ modelInit, tokenizer, train, eval: dev, args }), space, { trials: 20 });
 */
export async function search(
  target: SearchTarget,
  space: SearchSpace,
  options: SearchOptions = {},
): Promise<SearchResult> {
  const plan = planOf(target, space, options);
  const { direction, dimensions } = plan;
  throwIfAborted(options.signal);
  const journal =
    options.journal === undefined
      ? undefined
      : await Journal.open(options.journal, headerOf(space, options, direction), options.resume ?? false);
  let trials: Trial[];
  try {
    trials = await runTrials(target, plan, options, journal);
  } finally {
    await journal?.close();
  }
  const best = requireComplete(trials, direction);
  const importance = parameterImportance(trials, dimensions, direction);
  return { best, trials, direction, importance, table: trialTable(trials, direction) };
}

type Plan = ReturnType<typeof planOf>;

/** All that can be wrong before the first trial. */
function planOf(target: SearchTarget, space: SearchSpace, options: SearchOptions) {
  const dimensions = dimensionsOf(space);
  checkTarget(target, dimensions);
  const { sampler: name = "tpe", pruner = "none", seed = 0 } = options;
  const sampler = samplerOf(name, dimensions, options.samplerOptions ?? {});
  const { trials = name === "grid" ? sampler.most : undefined } = options;
  if (!Number.isSafeInteger(trials) || trials! < 1)
    throw searchFault("trials", "a whole number from 1", trials);
  if (!Number.isSafeInteger(seed) || seed < 0) throw searchFault("seed", "a whole number from 0", seed);
  const direction = searchDirection(target, options.direction);
  const isHopeless = prunerOf(pruner, direction, options.prunerOptions ?? {});
  return { dimensions, sampler, isHopeless, direction, seed, trials: Math.min(trials!, sampler.most) };
}

function searchDirection(target: SearchTarget, given: Direction | undefined): Direction {
  if (given !== undefined && given !== "minimize" && given !== "maximize") {
    throw searchFault("direction", '"minimize" or "maximize"', given);
  }
  if (typeof target === "function") return given ?? "minimize";
  if (given !== undefined) requireDirection(target, given);
  return directionOf(target);
}

function headerOf(space: SearchSpace, options: SearchOptions, direction: Direction): JournalHeader {
  const { sampler = "tpe", samplerOptions, pruner = "none", prunerOptions, seed = 0 } = options;
  return {
    ...{ type: "search", version: 1, space, direction, seed },
    sampler: { name: sampler, ...samplerOptions },
    pruner: { name: pruner, ...prunerOptions },
  };
}

async function runTrials(
  target: SearchTarget,
  { sampler, isHopeless, direction, seed, trials: count }: Plan,
  { onEvent, signal }: SearchOptions,
  journal: Journal | undefined,
): Promise<Trial[]> {
  const trials = [...(journal?.trials ?? [])];
  const best = () => trials.reduce<Trial | undefined>((a, b) => betterTrial(a, b, direction), undefined);
  for (let number = trials.length; number < count; number++) {
    await turn(signal);
    const parameters = sampler.suggest({ number, trials, direction, seed });
    await journal?.start(number, parameters);
    await onEvent?.({ type: "start", number, trials: count, parameters });
    const trial = await runTrial(target, {
      ...{ number, parameters, direction, seed, signal },
      onEvaluation: (evaluation) => onEvent?.({ type: "evaluation", number, ...evaluation }),
      isHopeless: (evaluations) => isHopeless(evaluations, trials),
    });
    trials.push(trial);
    await journal?.end(trial);
    const leader = best();
    await onEvent?.({ type: "end", trial, trials: count, ...(leader && { best: leader }) });
  }
  return trials;
}

function betterTrial(a: Trial | undefined, b: Trial, direction: Direction): Trial | undefined {
  if (b.state !== "complete") return a;
  return a === undefined || isBetter(b.value!, a.value!, direction) ? b : a;
}
