// A trial of a search, and the order of trials from the best on.
import type { Parameters } from "./space.js";

export type Direction = "minimize" | "maximize";

export interface Evaluation {
  step: number;
  value: number;
}

/** A trial that is over. */
export interface Trial {
  /** From 0. */
  number: number;
  /** pruned: ended early, as it was worse than others at the same place; failed: see `error`. */
  state: "complete" | "pruned" | "failed";
  parameters: Parameters;
  /** The objective. Of a Trainer: its best evaluation, also of a trial that was pruned. */
  value?: number;
  /** All metrics of that evaluation. */
  metrics?: Record<string, number>;
  /** In order; their values are what the pruner compares. */
  evaluations: Evaluation[];
  seconds: number;
  error?: { code: string; message: string };
}

/** Whether `a` is better than `b`. */
export function isBetter(a: number, b: number, direction: Direction): boolean {
  return direction === "minimize" ? a < b : a > b;
}

/** The best of some values; NaN when there is none. */
export function bestValue(values: readonly number[], direction: Direction): number {
  if (values.length === 0) return Number.NaN;
  return direction === "minimize" ? Math.min(...values) : Math.max(...values);
}

const STATES: readonly Trial["state"][] = ["complete", "pruned", "failed"];

/**
 * The best first: those that are complete by their value, then those that were pruned, the longer they lasted the
 * better and then by value, then those that failed.
 */
export function rankTrials(trials: readonly Trial[], direction: Direction): Trial[] {
  const sign = direction === "minimize" ? 1 : -1;
  return [...trials].sort((a, b) => {
    if (a.state !== b.state) return STATES.indexOf(a.state) - STATES.indexOf(b.state);
    if (a.state === "pruned" && a.evaluations.length !== b.evaluations.length) {
      return b.evaluations.length - a.evaluations.length;
    }
    const difference = a.state === "failed" ? 0 : sign * (a.value! - b.value!);
    return difference || a.number - b.number;
  });
}
