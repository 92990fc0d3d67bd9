// What follows from the arguments of a run: its learning rates, and what a resumed run must have in common with it.
import type { ResolvedArgs } from "./args.js";
import { type Schedule, schedules } from "./schedule.js";

/** The factor of the learning rate for each step of a run. @throws ERR_ARGUMENT for options out of range */
export function scheduleOf(args: ResolvedArgs, totalSteps: number): Schedule {
  const { schedule, scheduleOptions } = args;
  if (typeof schedule === "function") return (step) => schedule(step, totalSteps);
  return schedules[schedule]({
    warmupSteps: warmupStepsOf(args, totalSteps),
    totalSteps,
    ...scheduleOptions,
  });
}

/** Steps of warm-up: as given, or the share of all steps rounded up, as in Transformers. */
export function warmupStepsOf(args: ResolvedArgs, totalSteps: number): number {
  return args.warmupSteps ?? Math.ceil(totalSteps * args.warmupRatio);
}

/** The arguments on which the numbers of a run depend: a resumed run must have the same. */
export function essentialArgs(args: ResolvedArgs): Record<string, unknown> {
  const { epochs, maxSteps, learningRate, batchSize, tokensPerBatch, gradientAccumulation } = args;
  const { shuffle, groupByLength, dropLast, optimizer, optimizerOptions, weightDecay, maxGradNorm } = args;
  const { warmupSteps, warmupRatio, schedule, scheduleOptions, precision, seed, loss } = args;
  return plainArgs({
    ...{ epochs, maxSteps, learningRate, batchSize, tokensPerBatch, gradientAccumulation, shuffle },
    ...{ groupByLength, dropLast, optimizer, optimizerOptions, weightDecay, maxGradNorm },
    ...{ parameterGroups: args.parameterGroups, loss, warmupSteps, warmupRatio, schedule, scheduleOptions },
    ...{ precision, seed },
  });
}

/** Arguments as they come back from a file: functions and patterns as texts, undefined left out. */
export function plainArgs(args: object): Record<string, unknown> {
  const plain = (_: string, value: unknown) => {
    if (typeof value === "function") return "a function";
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    return Object.prototype.toString.call(value) === "[object RegExp]" ? String(value) : value;
  };
  return JSON.parse(JSON.stringify(args, plain));
}
