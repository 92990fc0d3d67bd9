// What a workload is: a task of the table, its data, a small fresh model and how it is trained.
import type { Row, TableOptions } from "../../src/data/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import type { TaskSettings } from "../../src/tasks/entry.js";
import type { TrainingArgs } from "../../src/training/index.js";
import type { TrainedVocabulary } from "./trained-vocabulary.js";

/** A file below the data folder, and which of its rows. */
export interface DataPart {
  file: string;
  reading?: TableOptions;
  /** The rows that are meant, in the order they are taken in. Default: all of them. */
  select?(rows: Row[]): Row[];
  /** Only so many of them. */
  rows?: number;
}

export interface SmallModel {
  title: string;
  /** Without dropout. */
  config: ModelConfig;
}

export interface TaskWorkload {
  /** TASK/DATA. */
  name: string;
  task: string;
  settings: TaskSettings;
  vocabulary: "bert-base-uncased" | "bert-base-chinese" | "bert-base-cased" | TrainedVocabulary;
  /** Default: BERT with two layers, 128 wide. */
  model?: SmallModel;
  train: DataPart;
  /** Absent: the training rows, for runs that show that a task can be learnt by heart. */
  evaluate?: DataPart;
  args: TrainingArgs;
  /** The metric to show, and what it must reach where the training rows are learnt by heart. */
  metric: string;
  atLeast?: number;
  /** How far apart the engines' losses over the evaluation rows may be. */
  lossWithin?: number;
}

/** A workload made smaller, to see that all works. */
export interface Cut {
  rows?: number;
  epochs?: number;
}

export const standardArgs: TrainingArgs = {
  ...{ epochs: 3, batchSize: 32, learningRate: 1e-3, warmupRatio: 0.1, weightDecay: 0.01, seed: 42 },
  ...{ evalBatchSize: 32, maxGradNorm: 1, evalEvery: "no" },
};

/** Few rows, again and again: what fresh weights cannot generalise, they can learn by heart. */
export const byHeart: TrainingArgs = { ...standardArgs, epochs: 40, batchSize: 16, weightDecay: 0 };
