// What the trials of `athanor search` have in common, and what each gets of its parameters.
import type { Model } from "../models/index.js";
import type { Parameters } from "../search/index.js";
import { argsOf } from "../search/run-trial.js";
import type { AnyTask, TaskEntry, TaskSettings } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import { Trainer, type TrainingArgs } from "../training/index.js";
import { usage } from "./errors.js";
import { checkpointConfig, makeModel } from "./model.js";
import { preparedTask } from "./prepared-task.js";
import { savedSettings } from "./task-file.js";
import { taskSettings } from "./task-options.js";
import { type TrainValues, trainingArgs } from "./train-options.js";
import { readParts, type TrainRows, trainedParts } from "./train-parts.js";

/** The file of trials in the output folder. */
export const JOURNAL_FILE = "search.jsonl";

/** What a space may name beside the Trainer's arguments: dropout, and the sizes of fresh weights. */
export const MODEL_PARAMETERS = ["dropout", "layers", "hidden", "heads", "intermediate"] as const;

export interface SearchParts {
  settings: TaskSettings;
  /** With its examples at hand. */
  task: AnyTask;
  rows: TrainRows;
  tokenizer: Tokenizer;
  /** The arguments of `train` with these parameters. */
  argsWith(parameters: Parameters): TrainingArgs;
  modelOf(parameters: Parameters): Promise<Model>;
  /** For one trial, which keeps nothing on the disk. */
  trainerOf(parameters: Parameters): Trainer;
}

export function isOfModel(name: string): boolean {
  return (MODEL_PARAMETERS as readonly string[]).includes(name);
}

/** Reads rows, tokenizer and labels once; `say` gets a line about each. Rejects as `train` does. */
export async function searchParts(
  entry: TaskEntry,
  values: TrainValues,
  say: (line: string) => void,
): Promise<SearchParts> {
  const settings = { ...(await savedSettings(values.model, entry)), ...taskSettings(entry, values) };
  const plainTask = entry.make(settings, say);
  const rows = await readParts(entry, settings, values);
  if (!rows.eval) throw usage("search needs --eval or --eval-share", "neither");
  const { model: first, tokenizer, labels } = await trainedParts(entry, settings, values, rows, say);
  const sources = { train: rows.train, evaluate: rows.eval };
  const task = await preparedTask(plainTask, sources, { model: first, tokenizer });
  first.dispose();
  const checkpoint = await checkpointConfig(values);
  const taskConfig = entry.config?.(settings) ?? {};
  const how = { tokenizer, labels, checkpoint, taskConfig, onReport: () => {} };
  const modelOf = (parameters: Parameters) =>
    makeModel(entry, { ...values, ...chosen(parameters, isOfModel) }, how);
  const plain = trainingArgs(values, entry.best(settings, labels));
  const argsWith = (parameters: Parameters) => {
    const own = argsOf(chosen(parameters, (name) => !isOfModel(name)));
    return { ...withoutRivals(plain, own), ...own, resume: false };
  };
  const [train, evalRows] = [rows.train.rows, rows.eval.rows];
  const trainerOf = (parameters: Parameters) =>
    new Trainer({
      ...{ modelInit: () => modelOf(parameters), tokenizer, task, train, eval: evalRows },
      args: withoutFolder(argsWith(parameters)),
    });
  return { settings, task, rows, tokenizer, argsWith, modelOf, trainerOf };
}

function chosen(parameters: Parameters, wanted: (name: string) => boolean): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => wanted(name)));
}

/** Arguments that exclude those of the space. */
function withoutRivals(args: TrainingArgs, own: TrainingArgs): TrainingArgs {
  const { batchSize, warmupRatio, ...rest } = args;
  return {
    ...rest,
    ...(own.tokensPerBatch === undefined && batchSize !== undefined && { batchSize }),
    ...(own.warmupSteps === undefined && warmupRatio !== undefined && { warmupRatio }),
  };
}

function withoutFolder(args: TrainingArgs): TrainingArgs {
  const folderOnly = ["outputFolder", "saveTotalLimit", "saveEvery", "saveOnlyModel", "loadBestAtEnd"];
  return Object.fromEntries(Object.entries(args).filter(([name]) => !folderOnly.includes(name)));
}
