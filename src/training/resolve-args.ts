// Checks the arguments of a run and fills the gaps, so that nobody needs to look again.
import type { ResolvedArgs, TrainingArgs } from "./args.js";
import {
  argumentFault,
  checkedEvery,
  checkedFlag,
  checkedInteger,
  checkedName,
  checkedNumber,
  optionalInteger,
} from "./checks.js";
import { isGreaterBetter } from "./events.js";
import { checkedRules } from "./group-rules.js";
import { checkOptimizerOptions, optimizerNames } from "./optimizers/by-name.js";
import { scheduleNames, scheduleOptionNames } from "./schedule.js";

const KNOWN: Record<keyof TrainingArgs, true> = {
  epochs: true,
  maxSteps: true,
  learningRate: true,
  batchSize: true,
  tokensPerBatch: true,
  evalBatchSize: true,
  gradientAccumulation: true,
  shuffle: true,
  groupByLength: true,
  dropLast: true,
  optimizer: true,
  optimizerOptions: true,
  weightDecay: true,
  betas: true,
  eps: true,
  parameterGroups: true,
  maxGradNorm: true,
  labelSmoothing: true,
  classWeights: true,
  posWeight: true,
  gradientCheckpointing: true,
  warmupSteps: true,
  warmupRatio: true,
  schedule: true,
  scheduleOptions: true,
  precision: true,
  seed: true,
  logEvery: true,
  logFirstStep: true,
  logLayerNorms: true,
  evalEvery: true,
  evalOnStart: true,
  evalDelay: true,
  saveEvery: true,
  outputFolder: true,
  saveTotalLimit: true,
  saveOnlyModel: true,
  resume: true,
  loadBestAtEnd: true,
  metric: true,
  greaterIsBetter: true,
};

/** Checks the arguments and fills the gaps. @throws ERR_ARGUMENT naming the argument */
export function resolveArgs(args: TrainingArgs, hasEval: boolean): ResolvedArgs {
  if (typeof args !== "object" || args === null) throw argumentFault("args", "an object", args);
  for (const name of Object.keys(args)) {
    if (!Object.hasOwn(KNOWN, name)) {
      throw argumentFault("args", `made of ${Object.keys(KNOWN).join(", ")}`, name);
    }
  }
  const { learningRate = 5e-5, maxGradNorm = 1, evalBatchSize = 32, gradientAccumulation = 1 } = args;
  return {
    epochs: checkedNumber("epochs", args.epochs ?? 3, Number.MIN_VALUE, 1e6),
    maxSteps: optionalInteger("maxSteps", args.maxSteps, 1),
    ...batches(args),
    evalBatchSize: checkedInteger("evalBatchSize", evalBatchSize, 1),
    gradientAccumulation: checkedInteger("gradientAccumulation", gradientAccumulation, 1),
    learningRate: checkedNumber("learningRate", learningRate, 0, 1e6),
    ...optimization(args),
    maxGradNorm: checkedNumber("maxGradNorm", maxGradNorm, Number.MIN_VALUE, Number.POSITIVE_INFINITY),
    gradientCheckpointing: checkedFlag("gradientCheckpointing", args.gradientCheckpointing ?? false),
    ...warmup(args),
    ...schedule(args),
    precision: checkedName("precision", args.precision ?? "f32", ["f32", "bf16"]),
    seed: checkedInteger("seed", args.seed ?? 42, 0),
    logEvery: checkedEvery("logEvery", args.logEvery ?? 50),
    logFirstStep: checkedFlag("logFirstStep", args.logFirstStep ?? false),
    logLayerNorms: layerNorms(args),
    ...evaluation(args, hasEval),
    ...saving(args, hasEval),
  };
}

function layerNorms({ logLayerNorms = false, logEvery = 50 }: TrainingArgs): boolean {
  if (logLayerNorms === true && typeof logEvery !== "number")
    throw argumentFault("logLayerNorms", "false unless logEvery is a number of steps", logLayerNorms);
  return checkedFlag("logLayerNorms", logLayerNorms);
}

function batches(args: TrainingArgs) {
  const { batchSize, tokensPerBatch, shuffle = true, groupByLength = false, dropLast = false } = args;
  if (batchSize !== undefined && tokensPerBatch !== undefined)
    throw argumentFault("tokensPerBatch", "absent beside batchSize", "both");
  if (dropLast && tokensPerBatch !== undefined)
    throw argumentFault("dropLast", "false with tokensPerBatch, whose batches have no size", dropLast);
  if (groupByLength && !shuffle) throw argumentFault("groupByLength", "false without shuffle", groupByLength);
  return {
    batchSize: tokensPerBatch === undefined ? checkedInteger("batchSize", batchSize ?? 8, 1) : undefined,
    tokensPerBatch: optionalInteger("tokensPerBatch", tokensPerBatch, 1),
    shuffle: checkedFlag("shuffle", shuffle),
    groupByLength: checkedFlag("groupByLength", groupByLength),
    dropLast: checkedFlag("dropLast", dropLast),
  };
}

function optimization(args: TrainingArgs) {
  const optimizer = checkedName("optimizer", args.optimizer ?? "adamw", optimizerNames);
  const { betas, eps, optimizerOptions: given = {}, parameterGroups = [] } = args;
  if (typeof given !== "object" || given === null)
    throw argumentFault("optimizerOptions", "an object", given);
  for (const [name, value] of Object.entries({ betas, eps })) {
    if (value === undefined) continue;
    if (optimizer !== "adamw") throw argumentFault(name, "in optimizerOptions for another optimizer", value);
    if (Object.hasOwn(given, name)) throw argumentFault(name, "absent beside optimizerOptions", "both");
  }
  const own = { ...(betas !== undefined && { betas }), ...(eps !== undefined && { eps }) };
  const optimizerOptions = { ...own, ...given };
  checkOptimizerOptions(optimizer, optimizerOptions);
  const { labelSmoothing, classWeights, posWeight } = args;
  if (labelSmoothing !== undefined) checkedNumber("labelSmoothing", labelSmoothing, 0, 1);
  return {
    optimizer,
    optimizerOptions,
    weightDecay: checkedNumber("weightDecay", args.weightDecay ?? 0, 0, 1e6),
    parameterGroups: checkedRules(parameterGroups),
    loss: {
      ...(labelSmoothing !== undefined && { labelSmoothing }),
      ...(classWeights !== undefined && { classWeights }),
      ...(posWeight !== undefined && { posWeight }),
    },
  };
}

function warmup({ warmupSteps, warmupRatio }: TrainingArgs) {
  if (warmupSteps !== undefined && warmupRatio !== undefined)
    throw argumentFault("warmupRatio", "absent beside warmupSteps", "both");
  return {
    warmupSteps: optionalInteger("warmupSteps", warmupSteps, 0),
    warmupRatio: checkedNumber("warmupRatio", warmupRatio ?? 0, 0, 1),
  };
}

function schedule({ schedule = "linear", scheduleOptions = {} }: TrainingArgs) {
  if (typeof schedule !== "function" && !scheduleNames.includes(schedule)) {
    throw argumentFault("schedule", `one of ${scheduleNames.join(", ")}, or a function`, schedule);
  }
  const known: readonly string[] = typeof schedule === "function" ? [] : scheduleOptionNames[schedule];
  for (const name of Object.keys(scheduleOptions)) {
    if (known.includes(name)) continue;
    throw argumentFault(
      "scheduleOptions",
      `made of ${known.join(", ") || "nothing"} for this schedule`,
      name,
    );
  }
  return { schedule, scheduleOptions };
}

function evaluation(args: TrainingArgs, hasEval: boolean) {
  const evalEvery = checkedEvery("evalEvery", args.evalEvery ?? (hasEval ? "epoch" : "no"));
  const evalOnStart = checkedFlag("evalOnStart", args.evalOnStart ?? false);
  if (!hasEval) {
    for (const name of ["loadBestAtEnd", "evalOnStart"] as const) {
      if (args[name]) throw argumentFault("eval", `given for ${name}`, "none");
    }
    if (evalEvery !== "no") throw argumentFault("eval", "given for evalEvery", "none");
    if (args.saveEvery === "best") throw argumentFault("eval", 'given for saveEvery "best"', "none");
  }
  const { metric = "loss" } = args;
  const greater = args.greaterIsBetter ?? isGreaterBetter(metric);
  return {
    evalEvery,
    evalOnStart,
    evalDelay: checkedNumber("evalDelay", args.evalDelay ?? 0, 0, Number.MAX_SAFE_INTEGER),
    metric,
    greaterIsBetter: checkedFlag("greaterIsBetter", greater),
  };
}

function saving(args: TrainingArgs, hasEval: boolean) {
  const { outputFolder, resume = false, loadBestAtEnd = false, saveOnlyModel = false } = args;
  if (outputFolder !== undefined && (typeof outputFolder !== "string" || outputFolder === "")) {
    throw argumentFault("outputFolder", "a path", outputFolder);
  }
  const needsFolder = loadBestAtEnd || resume === true || (args.saveEvery ?? "no") !== "no";
  if (needsFolder && outputFolder === undefined) {
    throw argumentFault("outputFolder", "given for saveEvery, loadBestAtEnd and resume: true", outputFolder);
  }
  if (typeof resume !== "boolean" && typeof resume !== "string")
    throw argumentFault("resume", "true or a folder", resume);
  if (args.saveEvery === "best" && args.evalEvery === "no" && hasEval)
    throw argumentFault("evalEvery", 'other than "no" for saveEvery "best"', "no");
  const saveEvery = args.saveEvery ?? (outputFolder === undefined ? "no" : "epoch");
  return {
    saveEvery: checkedEvery("saveEvery", saveEvery, "best"),
    outputFolder,
    saveTotalLimit: optionalInteger("saveTotalLimit", args.saveTotalLimit, 1),
    saveOnlyModel: checkedFlag("saveOnlyModel", saveOnlyModel),
    resume,
    loadBestAtEnd: checkedFlag("loadBestAtEnd", loadBestAtEnd),
  };
}
