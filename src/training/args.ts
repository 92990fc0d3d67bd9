// The arguments of a training run: checked once, without gaps afterwards.
import { AthanorError } from "../errors.js";
import { type Schedule, type ScheduleName, schedules } from "./schedule.js";

/** When to evaluate or save: after each epoch, every so many steps, or never. */
export type Every = "epoch" | "no" | number;

/** Arguments of a Trainer; names as in Transformers' TrainingArguments, in camelCase and shorter. */
export interface TrainingArgs {
  /** Passes over the data; default 3. May be a fraction. */
  epochs?: number;
  /** Ends after so many optimizer steps, whatever `epochs` says. */
  maxSteps?: number;
  /** Peak learning rate; default 5e-5. */
  learningRate?: number;
  /** Rows per batch; default 8. Not beside tokensPerBatch. */
  batchSize?: number;
  /** Most tokens per batch (a longer row stands alone). */
  tokensPerBatch?: number;
  /** Rows per batch when evaluating; default 32. */
  evalBatchSize?: number;
  /** Batches per optimizer step, weighted by the labels that each counts; default 1. */
  gradientAccumulation?: number;
  /** Rows of similar length into one batch; default false (without padding it saves next to nothing). */
  groupByLength?: boolean;
  /** Default 0. Not applied to biases and norms. */
  weightDecay?: number;
  /** Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  eps?: number;
  /** Clips the norm of the gradients; default 1, Infinity for none. */
  maxGradNorm?: number;
  /** Steps in which the learning rate rises. Not beside warmupRatio. */
  warmupSteps?: number;
  /** The same as a share of all steps, rounded up. */
  warmupRatio?: number;
  /** A schedule by name, or a function of step and total steps; default "linear". */
  schedule?: ScheduleName | ((step: number, totalSteps: number) => number);
  /** "bf16" needs a GPU; default "f32". */
  precision?: "f32" | "bf16";
  /** Of the order of rows and of dropout; default 42. */
  seed?: number;
  /** A "log" event every so many steps; default 50. */
  logEvery?: number;
  /** Default: "epoch" when the Trainer has `eval` rows, else "no". */
  evalEvery?: Every;
  /** Default: "epoch" when there is an outputFolder, else "no". */
  saveEvery?: Every;
  /** Where checkpoints go: checkpoint-STEP inside. */
  outputFolder?: string;
  /** Keeps only so many newest checkpoints, and the best one. */
  saveTotalLimit?: number;
  /** Goes on from a checkpoint folder, or from the newest one in outputFolder (true). */
  resume?: boolean | string;
  /** At the end, the weights of the best evaluation come back. Needs outputFolder. Default false. */
  loadBestAtEnd?: boolean;
  /** The metric that decides; default "loss". */
  metric?: string;
  /** Default: true unless the metric is "loss" or ends with "_loss". */
  greaterIsBetter?: boolean;
}

type Filled = Required<
  Omit<TrainingArgs, "maxSteps" | "batchSize" | "tokensPerBatch" | "warmupSteps" | "outputFolder">
>;

/** Arguments without gaps; undefined where a thing is off. */
export interface ResolvedArgs extends Omit<Filled, "warmupRatio" | "saveTotalLimit"> {
  maxSteps: number | undefined;
  batchSize: number | undefined;
  tokensPerBatch: number | undefined;
  warmupSteps: number | undefined;
  warmupRatio: number;
  outputFolder: string | undefined;
  saveTotalLimit: number | undefined;
}

const KNOWN: Record<keyof TrainingArgs, true> = {
  epochs: true,
  maxSteps: true,
  learningRate: true,
  batchSize: true,
  tokensPerBatch: true,
  evalBatchSize: true,
  gradientAccumulation: true,
  groupByLength: true,
  weightDecay: true,
  betas: true,
  eps: true,
  maxGradNorm: true,
  warmupSteps: true,
  warmupRatio: true,
  schedule: true,
  precision: true,
  seed: true,
  logEvery: true,
  evalEvery: true,
  saveEvery: true,
  outputFolder: true,
  saveTotalLimit: true,
  resume: true,
  loadBestAtEnd: true,
  metric: true,
  greaterIsBetter: true,
};

/** Checks the arguments and fills the gaps. @throws ERR_ARGUMENT naming the argument */
export function resolveArgs(args: TrainingArgs, hasEval: boolean): ResolvedArgs {
  if (typeof args !== "object" || args === null) throw fault("args", "an object", args);
  for (const name of Object.keys(args)) {
    if (!Object.hasOwn(KNOWN, name)) throw fault("args", `made of ${Object.keys(KNOWN).join(", ")}`, name);
  }
  const given = (name: keyof TrainingArgs) => args[name] !== undefined;
  if (given("batchSize") && given("tokensPerBatch"))
    throw fault("tokensPerBatch", "absent beside batchSize", "both");
  if (given("warmupSteps") && given("warmupRatio"))
    throw fault("warmupRatio", "absent beside warmupSteps", "both");
  const { precision = "f32", schedule = "linear", outputFolder, metric = "loss", resume = false } = args;
  if (precision !== "f32" && precision !== "bf16") throw fault("precision", '"f32" or "bf16"', precision);
  if (typeof schedule !== "function" && !Object.hasOwn(schedules, schedule)) {
    throw fault("schedule", `one of ${Object.keys(schedules).join(", ")}, or a function`, schedule);
  }
  if (outputFolder !== undefined && (typeof outputFolder !== "string" || outputFolder === "")) {
    throw fault("outputFolder", "a path", outputFolder);
  }
  const needsFolder = args.loadBestAtEnd || resume === true || (args.saveEvery ?? "no") !== "no";
  if (needsFolder && outputFolder === undefined) {
    throw fault("outputFolder", "given for saveEvery, loadBestAtEnd and resume: true", outputFolder);
  }
  if (typeof resume !== "boolean" && typeof resume !== "string")
    throw fault("resume", "true or a folder", resume);
  if (args.loadBestAtEnd && !hasEval) throw fault("eval", "given for loadBestAtEnd", "none");
  const evalEvery = every("evalEvery", args.evalEvery ?? (hasEval ? "epoch" : "no"));
  if (evalEvery !== "no" && !hasEval) throw fault("eval", "given for evalEvery", "none");
  const batched = given("tokensPerBatch") ? undefined : integer("batchSize", args.batchSize ?? 8, 1);
  return {
    epochs: number("epochs", args.epochs ?? 3, Number.MIN_VALUE, 1e6),
    maxSteps: given("maxSteps") ? integer("maxSteps", args.maxSteps, 1) : undefined,
    learningRate: number("learningRate", args.learningRate ?? 5e-5, 0, 1e6),
    batchSize: batched,
    tokensPerBatch: given("tokensPerBatch") ? integer("tokensPerBatch", args.tokensPerBatch, 1) : undefined,
    evalBatchSize: integer("evalBatchSize", args.evalBatchSize ?? 32, 1),
    gradientAccumulation: integer("gradientAccumulation", args.gradientAccumulation ?? 1, 1),
    groupByLength: flag("groupByLength", args.groupByLength ?? false),
    weightDecay: number("weightDecay", args.weightDecay ?? 0, 0, 1e6),
    betas: args.betas ?? [0.9, 0.999],
    eps: number("eps", args.eps ?? 1e-8, 0, 1),
    maxGradNorm: number("maxGradNorm", args.maxGradNorm ?? 1, Number.MIN_VALUE, Number.POSITIVE_INFINITY),
    warmupSteps: given("warmupSteps") ? integer("warmupSteps", args.warmupSteps, 0) : undefined,
    warmupRatio: number("warmupRatio", args.warmupRatio ?? 0, 0, 1),
    schedule,
    precision,
    seed: integer("seed", args.seed ?? 42, 0),
    logEvery: integer("logEvery", args.logEvery ?? 50, 1),
    evalEvery,
    saveEvery: every("saveEvery", args.saveEvery ?? (outputFolder === undefined ? "no" : "epoch")),
    outputFolder,
    saveTotalLimit: given("saveTotalLimit") ? integer("saveTotalLimit", args.saveTotalLimit, 1) : undefined,
    resume,
    loadBestAtEnd: flag("loadBestAtEnd", args.loadBestAtEnd ?? false),
    metric,
    greaterIsBetter: flag("greaterIsBetter", args.greaterIsBetter ?? !/(?:^|_)loss$/.test(metric)),
  };
}

/** The factor of the learning rate for each step of a run. */
export function scheduleOf(args: ResolvedArgs, totalSteps: number): Schedule {
  const { schedule } = args;
  if (typeof schedule === "function") return (step) => schedule(step, totalSteps);
  return schedules[schedule]({ warmupSteps: warmupStepsOf(args, totalSteps), totalSteps });
}

/** Steps of warm-up: as given, or the share of all steps rounded up, as in Transformers. */
export function warmupStepsOf(args: ResolvedArgs, totalSteps: number): number {
  return args.warmupSteps ?? Math.ceil(totalSteps * args.warmupRatio);
}

/** The arguments on which the numbers of a run depend: a resumed run must have the same. */
export function essentialArgs(args: ResolvedArgs): Record<string, unknown> {
  const { epochs, maxSteps, learningRate, batchSize, tokensPerBatch, gradientAccumulation, groupByLength } =
    args;
  const { weightDecay, betas, eps, maxGradNorm, warmupSteps, warmupRatio, schedule, precision, seed } = args;
  const essential = {
    ...{ epochs, maxSteps, learningRate, batchSize, tokensPerBatch, gradientAccumulation, groupByLength },
    ...{ weightDecay, betas, eps, maxGradNorm: Number.isFinite(maxGradNorm) ? maxGradNorm : "Infinity" },
    ...{ warmupSteps, warmupRatio, schedule: typeof schedule === "function" ? "a function" : schedule },
    ...{ precision, seed },
  };
  return JSON.parse(JSON.stringify(essential)); // as it comes back from a file
}

function number(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  const from = least === Number.MIN_VALUE ? "above 0" : `from ${least}`;
  throw fault(name, `a number ${from}${Number.isFinite(most) ? ` to ${most}` : ""}`, value);
}

function integer(name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw fault(name, `an integer from ${least}`, value);
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw fault(name, "true or false", value);
}

function every(name: string, value: unknown): Every {
  if (value === "epoch" || value === "no") return value;
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw fault(name, '"epoch", "no" or a number of steps', value);
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `Trainer: ${name} must be ${needed}, got ${String(came)}`);
}
