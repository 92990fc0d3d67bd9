// What is diagnosed: parameters and the loss of some batches, of a model or of any function of tensors.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { Generator } from "../tensor/random.js";
import { Random } from "../tensor/random-stream.js";
import type { Tensor } from "../tensor/tensor.js";
import { epochBatches } from "../training/batches.js";
import { countsNothing } from "../training/step.js";
import { requireLoss, type Task, type TrainableModel, tokenCount } from "../training/task.js";

/** The mean loss of a batch, and its weight in the mean over batches (above 0, default 1): how many labels it counts. */
export interface BatchLoss {
  loss: Tensor;
  weight?: number;
}

/**
 * A loss over batches as a function of parameters. The same batch must give the same loss for the same parameters.
 *
 * @example
 * const w = tensor([1, 2], [2], { requiresGrad: true });
 * const subject: Subject = { parameters: new Map([["w", w]]), batches: 1, loss: () => ops.sum(ops.mul(w, w)) };
 */
export interface Subject {
  /** f32, by name. Those that do not require gradients are left alone. */
  parameters: ReadonlyMap<string, Tensor>;
  /** How many batches there are, from 1. */
  batches: number;
  /** Rows of each batch; default 1. */
  rows?: readonly number[];
  /** f32, one element. What else it makes should be freed (scope). */
  loss(batch: number): Tensor | BatchLoss;
  /** Called before work in that mode; what it returns is called afterwards. */
  begin?(mode: "train" | "eval"): () => void;
}

export interface ModelSubjectOptions {
  model: TrainableModel;
  /** As the Trainer's `task.prepare` gives them. */
  examples: readonly Example[];
  /** Rows per batch; default 8. */
  batchSize?: number;
  /** The task's, for examples that vary; they are varied once. */
  vary?: Task["vary"];
  /** Of the order of rows, of what varies, and of dropout; default 42. */
  seed?: number;
}

/**
 * A model's loss over examples. Diagnoses run without dropout but for learningRateRange(), which trains. Mode and
 * generator of the model are restored.
 *
 * @throws ERR_DATA without an example that has a label; ERR_ARGUMENT
 */
export function modelSubject(options: ModelSubjectOptions): Subject {
  const { model, examples, batchSize = 8, vary, seed = 42 } = options;
  if (examples.length === 0) throw dataFault("none");
  const order = epochBatches(Int32Array.from(examples, tokenCount), { batchSize }, seed, 0);
  const groups = order
    .map((batch, i) => {
      const seen = batch.map((row) => examples[row]);
      return vary?.(seen, new Random(seed, { batch: i })) ?? seen;
    })
    .filter((group) => countsSomething(model, group));
  if (groups.length === 0) throw dataFault("none with a label that counts");
  return {
    parameters: model.parameters(),
    batches: groups.length,
    rows: groups.map(({ length }) => length),
    loss: (index) => {
      const batch = model.collate(groups[index]);
      try {
        return { loss: requireLoss(model.forward(batch)), weight: batch.lossCount };
      } finally {
        batch.dispose();
      }
    },
    begin: (mode) => beginMode(model, mode, seed),
  };
}

function beginMode(model: TrainableModel, mode: "train" | "eval", seed: number): () => void {
  const { training, generator } = model;
  model[mode]();
  model.generator = new Generator(seed);
  return () => {
    model.generator = generator;
    if (training) model.train();
    else model.eval();
  };
}

function countsSomething(model: TrainableModel, group: readonly Example[]): boolean {
  const batch = model.collate(group);
  const counts = !countsNothing(batch);
  batch.dispose();
  return counts;
}

function dataFault(came: string): AthanorError {
  return new AthanorError("ERR_DATA", `diagnose: examples must be at least one, got ${came}`);
}

export function diagnosticsFault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `diagnose: ${name} must be ${needed}, got ${String(came)}`);
}
