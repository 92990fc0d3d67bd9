// Which trials end early: the median stopping rule (Golovin et al., "Google Vizier", KDD 2017, section 3.2.2), but by what
// the others had at the same evaluation, not by their running averages, which an early value weighs down.
import { searchFault } from "./space.js";
import { bestValue, type Direction, type Evaluation, isBetter, type Trial } from "./trial.js";

export type PrunerName = "median" | "none";

export interface MedianPrunerOptions {
  /** No trial is pruned before so many are complete; default 5. */
  startupTrials?: number;
  /** Nor at its first so many evaluations; default 0. */
  warmupEvaluations?: number;
}

/** Whether a trial should end, given its evaluations so far. */
export type Pruner = (evaluations: readonly Evaluation[], trials: readonly Trial[]) => boolean;

/** @throws ERR_ARGUMENT */
export function prunerOf(name: PrunerName, direction: Direction, options: MedianPrunerOptions): Pruner {
  if (name === "none") return () => false;
  if (name !== "median") throw searchFault("pruner", 'one of "median", "none"', name);
  const { startupTrials = 5, warmupEvaluations = 0 } = options;
  for (const [option, value] of Object.entries({ startupTrials, warmupEvaluations })) {
    const least = option === "startupTrials" ? 1 : 0;
    if (!Number.isSafeInteger(value) || value < least) {
      throw searchFault(`prunerOptions.${option}`, `a whole number from ${least}`, value);
    }
  }
  return (evaluations, trials) => {
    const count = evaluations.length;
    if (count <= warmupEvaluations) return false;
    const complete = trials.filter(({ state }) => state === "complete");
    if (complete.length < startupTrials) return false;
    // By the number of the evaluation, not by step: trials may differ in the size of their batches. Trials that were
    // pruned count as far as they came: without them the bar would rise with each one.
    const others = trials.flatMap(({ state, evaluations: own }) =>
      state !== "failed" && own.length >= count ? [own[count - 1].value] : [],
    );
    const best = bestValue(
      evaluations.map(({ value }) => value),
      direction,
    );
    return others.length > 0 && isBetter(median(others), best, direction);
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
