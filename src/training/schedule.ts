// Learning rate schedules: pure functions from the number of steps already made to a factor of the learning
// rate, with the numbers of transformers.get_*_schedule (optimization.py).
import { AthanorError } from "../errors.js";

/** From the number of steps already made (the first step asks for 0) to a factor of the learning rate. */
export type Schedule = (step: number) => number;

export interface WarmupOptions {
  /** Steps in which the factor rises from 0; default 0. */
  warmupSteps?: number;
}

export interface DecayOptions extends WarmupOptions {
  /** All steps, warm-up included. */
  totalSteps: number;
}

/** Always 1. */
export function constant(): Schedule {
  return () => 1;
}

/** Rises to 1 and stays there. */
export function constantWithWarmup(options: WarmupOptions): Schedule {
  const warmup = warmupOf("constantWithWarmup", options);
  return (step) => rising(step, warmup) ?? 1;
}

/** Rises to 1, then falls to 0 at `totalSteps`, both in a straight line. */
export function linear(options: DecayOptions): Schedule {
  const { warmup, total } = stepsOf("linear", options);
  return (step) => rising(step, warmup) ?? Math.max(0, (total - step) / Math.max(1, total - warmup));
}

/** Rises to 1, then follows a cosine; `cycles` 0.5 (the default) is one fall to 0. */
export function cosine(options: DecayOptions & { cycles?: number }): Schedule {
  const { warmup, total } = stepsOf("cosine", options);
  const cycles = numberFrom("cosine", "cycles", options.cycles ?? 0.5);
  return (step) =>
    rising(step, warmup) ??
    Math.max(0, 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * progress(step, warmup, total))));
}

/** Rises to 1, then falls to 0 by a cosine `cycles` times (default 1), each time from 1. */
export function cosineWithRestarts(options: DecayOptions & { cycles?: number }): Schedule {
  const { warmup, total } = stepsOf("cosineWithRestarts", options);
  const cycles = numberFrom("cosineWithRestarts", "cycles", options.cycles ?? 1);
  return (step) => {
    const start = rising(step, warmup);
    if (start !== undefined) return start;
    const done = progress(step, warmup, total);
    if (done >= 1) return 0;
    return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((cycles * done) % 1))));
  };
}

/**
 * Rises to 1, then falls as a power of the steps that are left. `end` is the last factor, a share of the
 * learning rate (Transformers' lr_end divided by lr); default 0. `power` default 1.
 */
export function polynomial(options: DecayOptions & { power?: number; end?: number }): Schedule {
  const { warmup, total } = stepsOf("polynomial", options);
  const power = numberFrom("polynomial", "power", options.power ?? 1);
  const end = numberFrom("polynomial", "end", options.end ?? 0);
  if (end > 1) throw fault("polynomial", "end", "at most 1", end);
  return (step) => {
    const start = rising(step, warmup);
    if (start !== undefined) return start;
    if (step >= total) return end;
    return (1 - end) * (1 - (step - warmup) / (total - warmup)) ** power + end;
  };
}

/**
 * Rises to 1, then falls as 1 / sqrt(step): the schedule of "Attention is all you need" (Noam) with its peak
 * at 1. `timescale` defaults to the steps of warm-up, or 10 000 without.
 */
export function inverseSqrt(options: WarmupOptions & { timescale?: number } = {}): Schedule {
  const warmup = warmupOf("inverseSqrt", options);
  const timescale = numberFrom("inverseSqrt", "timescale", options.timescale ?? (warmup || 10_000));
  if (timescale === 0) throw fault("inverseSqrt", "timescale", "above 0", timescale);
  return (step) => rising(step, warmup) ?? 1 / Math.sqrt((step + timescale - warmup) / timescale);
}

/** The schedules by name. */
export const schedules = {
  linear,
  cosine,
  cosineWithRestarts,
  polynomial,
  constant,
  constantWithWarmup,
  inverseSqrt,
} as const;

export type ScheduleName = keyof typeof schedules;

export const scheduleNames = Object.keys(schedules) as ScheduleName[];

/** What each schedule takes beside its steps. */
export const scheduleOptionNames: Record<ScheduleName, readonly string[]> = {
  linear: [],
  cosine: ["cycles"],
  cosineWithRestarts: ["cycles"],
  polynomial: ["power", "end"],
  constant: [],
  constantWithWarmup: [],
  inverseSqrt: ["timescale"],
};

function rising(step: number, warmup: number): number | undefined {
  return step < warmup ? step / Math.max(1, warmup) : undefined;
}

function progress(step: number, warmup: number, total: number): number {
  return (step - warmup) / Math.max(1, total - warmup);
}

function warmupOf(who: string, options: WarmupOptions | undefined): number {
  return numberFrom(who, "warmupSteps", options?.warmupSteps ?? 0);
}

function stepsOf(who: string, options: DecayOptions): { warmup: number; total: number } {
  return { warmup: warmupOf(who, options), total: numberFrom(who, "totalSteps", options?.totalSteps) };
}

function numberFrom(who: string, name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw fault(who, name, "a number from 0", value);
}

function fault(who: string, name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be ${needed}, got ${String(came)}`);
}
