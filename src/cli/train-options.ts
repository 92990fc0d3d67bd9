// The options of `train` beside the task's own, and the Trainer's arguments they become.
import { type Command, Option } from "commander";
import type { BestMetric } from "../tasks/entry.js";
import type { TrainingArgs } from "../training/index.js";
import { addCommonOptions, type CommonValues } from "./common-options.js";
import type { ModelOptions } from "./model.js";
import { setArgument } from "./set-arguments.js";
import { count, integer, number } from "./task-options.js";

/** What Commander has read. */
export interface TrainValues extends CommonValues, Omit<ModelOptions, "seed"> {
  train: string[];
  eval?: string[];
  evalShare?: number;
  limit?: number;
  output: string;
  epochs?: number;
  maxSteps?: number;
  learningRate?: number;
  batchSize?: number;
  tokensPerBatch?: number;
  gradientAccumulation?: number;
  warmupRatio?: number;
  weightDecay?: number;
  schedule?: string;
  metric?: string;
  seed: number;
  set?: Record<string, unknown>;
  resume?: boolean;
  overwrite?: boolean;
  json?: boolean;
}

/** A parsed option of a group of the help. */
function grouped(group: string) {
  return (flags: string, description: string, parser?: (text: string) => unknown): Option => {
    const option = new Option(flags, description).helpGroup(group);
    return parser ? option.argParser(parser) : option;
  };
}

export function addTrainOptions(command: Command): void {
  const [data, model, training, output] = ["Data:", "Model:", "Training:", "Output:"].map(grouped);
  const options = [
    data(
      "--train <files...>",
      "rows to train on: .csv .tsv .jsonl .json .txt .conll .conllu .parquet, each also .gz",
    ).makeOptionMandatory(),
    data("--eval <files...>", "rows to evaluate on"),
    data("--eval-share <x>", "instead of --eval: this share, or number, of the training rows", number),
    data("--limit <n>", "only the first rows of each", count),
    model("--model <name>", "start from a checkpoint: a folder, or a repository of the Hugging Face Hub"),
    model("--tokenizer <name>", "a folder, a repository or a vocab.txt (default: the model's)"),
    model("--config <file>", "fresh weights of a config.json"),
    model("--layers <n>", "fresh weights: layers (default: 4)", count),
    model("--hidden <n>", "fresh weights: width (default: 256)", count),
    model("--heads <n>", "fresh weights: attention heads (default: 4)", count),
    model("--intermediate <n>", "fresh weights: inner width (default: 4 x hidden)", count),
    model("--positions <n>", "fresh weights: longest sequence (default: 512)", count),
    model("--dropout <p>", "dropout of hidden states and attention (default: the config's)", number),
    training("--epochs <n>", "passes over the data (default: 3)", number),
    training("--max-steps <n>", "ends after so many steps", count),
    training("--learning-rate <x>", "peak learning rate (default: 5e-5; fresh weights: 5e-4)", number),
    training("--batch-size <n>", "rows per step (default: 32)", count),
    training("--tokens-per-batch <n>", "instead of --batch-size: most tokens per batch", count),
    training("--gradient-accumulation <n>", "batches per step (default: 1)", count),
    training("--warmup-ratio <x>", "share of steps in which the learning rate rises (default: 0.1)", number),
    training("--weight-decay <x>", "not of biases and norms (default: 0.01)", number),
    training("--schedule <name>", "linear, cosine, constant, ... (default: linear)"),
    training("--metric <name>", "metric that chooses the best checkpoint (default: the task's)"),
    training("--seed <n>", "of fresh weights, order of rows, dropout", integer).default(42),
    training(
      "--set <key=value>",
      "any other argument of the Trainer, such as --set logEvery=10; repeatable",
    ).argParser(setArgument),
    output("--output <folder>", "where the model goes, and checkpoints during the run").makeOptionMandatory(),
    output("--resume", "go on from the newest checkpoint in the output folder"),
    output("--overwrite", "delete the checkpoints of an earlier run"),
    output("--json", "the result as one line of JSON"),
  ];
  for (const option of options) command.addOption(option);
  addCommonOptions(command);
}

/** The Trainer's arguments. What `--set` names wins over everything. */
export function trainingArgs(values: TrainValues, best: BestMetric | undefined): TrainingArgs {
  const { epochs, maxSteps, tokensPerBatch, gradientAccumulation, schedule, seed, set } = values;
  const { learningRate = values.model === undefined ? 5e-4 : 5e-5 } = values;
  const sizes = tokensPerBatch === undefined ? { batchSize: values.batchSize ?? 32 } : { tokensPerBatch };
  const chosen = values.metric === undefined ? best : { name: values.metric };
  const warmup = set?.warmupSteps === undefined ? { warmupRatio: values.warmupRatio ?? 0.1 } : {};
  const args = {
    ...{ epochs, maxSteps, learningRate, gradientAccumulation, schedule, seed },
    ...sizes,
    ...(values.batchSize !== undefined && { batchSize: values.batchSize }),
    ...warmup,
    ...{ weightDecay: values.weightDecay ?? 0.01, outputFolder: values.output, saveTotalLimit: 1 },
    resume: values.resume ?? false,
    ...(best && { loadBestAtEnd: true, metric: chosen?.name }),
    ...(best && chosen === best && { greaterIsBetter: best.greaterIsBetter }),
    ...set,
  };
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as TrainingArgs;
}
