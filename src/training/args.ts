// The arguments of a training run. resolve-args.ts checks them once and fills the gaps.
import type { LossOptions } from "../models/loss-options.js";
import type { OptimizerChoices, OptimizerName } from "./optimizers/by-name.js";
import type { ScheduleName } from "./schedule.js";

/** When to evaluate, save or log: after each epoch, every so many steps, or never. */
export type Every = "epoch" | "no" | number;

/** Learning rate and weight decay of some parameters, as multiples of the run's. */
export interface GroupRule {
  /** Which parameters: the names that match, or contain this text. Of several rules the first one counts. */
  pattern: RegExp | string;
  /** Times the learning rate; default 1. */
  learningRate?: number;
  /** Times the weight decay; default 1. Biases and norms have none in any group. */
  weightDecay?: number;
}

/** What a schedule by name takes beside its steps; see schedule.ts for each. */
export interface ScheduleOptions {
  /** cosine (default 0.5), cosineWithRestarts (default 1). */
  cycles?: number;
  /** polynomial; default 1. */
  power?: number;
  /** polynomial: the last factor; default 0. */
  end?: number;
  /** inverseSqrt; default the warm-up's steps. */
  timescale?: number;
}

/** Arguments of a Trainer; names as in Transformers' TrainingArguments, in camelCase and shorter (docs/training.md). */
export interface TrainingArgs {
  /** Passes over the data; default 3. May be a fraction. */
  epochs?: number;
  /** Ends after so many optimizer steps, whatever `epochs` says. */
  maxSteps?: number;
  /** Peak learning rate; default 5e-5. */
  learningRate?: number;
  /** Rows per batch; default 8. Not beside tokensPerBatch. */
  batchSize?: number;
  /** Most tokens per batch, of encoder-decoders sources and targets together (a longer row stands alone). */
  tokensPerBatch?: number;
  /** Rows per batch when evaluating; default 32. */
  evalBatchSize?: number;
  /** Batches per optimizer step, weighted by the labels that each counts; default 1. */
  gradientAccumulation?: number;
  /** Mixes the rows before each epoch; default true. */
  shuffle?: boolean;
  /** Rows of similar length into one batch; default false (without padding it saves next to nothing). */
  groupByLength?: boolean;
  /** Leaves out the last batch of an epoch when it is not full; default false. Needs batchSize. */
  dropLast?: boolean;
  /** "adamw", "sgd", "adagrad" or "rmsprop"; default "adamw". */
  optimizer?: OptimizerName;
  /** Of the optimizer: `{ momentum: 0.9, nesterov: true }` for sgd, ... */
  optimizerOptions?: OptimizerChoices[OptimizerName];
  /** Default 0. Not applied to biases and norms. */
  weightDecay?: number;
  /** AdamW's; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** AdamW's; default 1e-8. */
  eps?: number;
  /** Learning rates and weight decay for parts of the model. */
  parameterGroups?: readonly GroupRule[];
  /** Clips the norm of the gradients; default 1, Infinity for none. */
  maxGradNorm?: number;
  /** From 0 to 1: this share of each label is spread over all classes, while training and evaluating; default 0. */
  labelSmoothing?: number;
  /** The weight of each class in the loss, in order of their ids. */
  classWeights?: readonly number[];
  /** Multi-label: the weight of each class's positive targets, or one for all. */
  posWeight?: readonly number[] | number;
  /** Keeps only the input of each layer and computes the rest again in backward; default false. The bits are the same. */
  gradientCheckpointing?: boolean;
  /** Steps in which the learning rate rises. Not beside warmupRatio. */
  warmupSteps?: number;
  /** The same as a share of all steps, rounded up. */
  warmupRatio?: number;
  /** A schedule by name, or a function of step and total steps; default "linear". */
  schedule?: ScheduleName | ((step: number, totalSteps: number) => number);
  /** Of the schedule: `{ cycles: 2 }`, `{ power: 2, end: 0.1 }`, ... */
  scheduleOptions?: ScheduleOptions;
  /** "bf16" needs a GPU; default "f32". */
  precision?: "f32" | "bf16";
  /** Of the order of rows and of dropout; default 42. */
  seed?: number;
  /** A "log" event every so many steps or after each epoch; default 50. */
  logEvery?: Every;
  /** One after the first step, too; default false. */
  logFirstStep?: boolean;
  /** Norms of the gradient by layer with each of them, at the cost of two more passes over it; default false. */
  logLayerNorms?: boolean;
  /** Default: "epoch" when the Trainer has `eval` rows, else "no". */
  evalEvery?: Every;
  /** Evaluates before the first step, too; default false. */
  evalOnStart?: boolean;
  /** No evaluation before so many epochs (with evalEvery "epoch") or steps; default 0. */
  evalDelay?: number;
  /** Default: "epoch" when there is an outputFolder, else "no". "best": after an evaluation that beats all before. */
  saveEvery?: Every | "best";
  /** Where checkpoints go: checkpoint-STEP inside, and run.json. */
  outputFolder?: string;
  /** Keeps only so many checkpoints: the newest, with the best one among them (two where the limit is 1). */
  saveTotalLimit?: number;
  /** Saves no optimizer and no state: such a checkpoint is a model, from which no run goes on. Default false. */
  saveOnlyModel?: boolean;
  /** Goes on from a checkpoint folder, or from the newest one in outputFolder (true). */
  resume?: boolean | string;
  /** At the end, the weights of the best evaluation come back. Needs outputFolder. Default false. */
  loadBestAtEnd?: boolean;
  /** The metric that decides; default "loss". */
  metric?: string;
  /** Default: false for losses, perplexity, "mse" and "mae", else true. */
  greaterIsBetter?: boolean;
}

/** Those that stay undefined where a thing is off. */
type Optional =
  | "maxSteps"
  | "batchSize"
  | "tokensPerBatch"
  | "warmupSteps"
  | "outputFolder"
  | "saveTotalLimit";

/** Arguments without gaps; undefined where a thing is off. */
export interface ResolvedArgs
  extends Required<Omit<TrainingArgs, Optional | "betas" | "eps" | keyof LossOptions>>,
    Partial<Record<Exclude<Optional, "outputFolder">, number>> {
  outputFolder?: string;
  /** Label smoothing and weights of classes, as the model takes them. */
  loss: LossOptions;
}
