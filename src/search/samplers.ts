// How the parameters of the next trial are chosen: at random, from a grid, or by TPE.
import { Random } from "../tensor/random-stream.js";
import { gridOf } from "./grid.js";
import { chooseAll } from "./places.js";
import { type Dimension, type Parameters, searchFault } from "./space.js";
import { suggestByTpe, type TpeOptions } from "./tpe.js";
import { type Direction, rankTrials, type Trial } from "./trial.js";

export type SamplerName = "tpe" | "random" | "grid";

/** What a sampler may look at. The same state gives the same parameters. */
export interface SamplerState {
  /** Of the trial that comes, from 0. */
  number: number;
  /** Those that are over. */
  trials: readonly Trial[];
  direction: Direction;
  seed: number;
}

export interface Sampler {
  /** How many trials there can be. */
  most: number;
  suggest(state: SamplerState): Parameters;
}

/** @throws ERR_ARGUMENT for a name that is none, and for a grid over a range without points */
export function samplerOf(name: SamplerName, dimensions: readonly Dimension[], options: TpeOptions): Sampler {
  if (name === "grid") {
    const grid = gridOf(dimensions);
    return { most: grid.length, suggest: ({ number }) => grid[number] };
  }
  if (name !== "tpe" && name !== "random") throw searchFault("sampler", "one of tpe, random, grid", name);
  const { startupTrials = 10, candidates = 24 } = options;
  for (const [option, value] of Object.entries({ startupTrials, candidates })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw searchFault(`samplerOptions.${option}`, "a whole number from 1", value);
  }
  const suggest = ({ number, trials, direction, seed }: SamplerState) => {
    // Every trial has its own stream, so that a resumed search draws what the uninterrupted one draws.
    const random = new Random(seed, { step: number });
    if (name === "random" || trials.length < startupTrials) return drawAll(dimensions, random);
    return suggestByTpe(dimensions, rankTrials(trials, direction), random, candidates);
  };
  return { most: Number.POSITIVE_INFINITY, suggest };
}

/** Each parameter by itself, all that its space holds equally likely. */
function drawAll(dimensions: readonly Dimension[], random: Random): Parameters {
  return chooseAll(dimensions, (dimension) =>
    dimension.kind === "choice"
      ? random.below(dimension.values.length)
      : dimension.low + random.uniform() * (dimension.high - dimension.low),
  );
}
