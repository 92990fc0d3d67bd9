// What the Trainer feeds a model, written down: the examples of every step as the model gets them, and the learning
// rates. A stand-in with a single parameter is trained in the model's place, so order, masks and schedule are the
// Trainer's own.

import type { Row } from "../../src/data/index.js";
import type { Example } from "../../src/models/batch.js";
import type { AnyTask } from "../../src/tasks/entry.js";
import { mean } from "../../src/tensor/ops/reduce.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import type { Tokenizer } from "../../src/tokenizers/index.js";
import type { TrainableModel } from "../../src/training/index.js";
import { Trainer, type TrainingArgs } from "../../src/training/index.js";

export interface Recording {
  /** Examples of each step. */
  steps: Example[][];
  /** Passes over the data, maybe a fraction. */
  epochs: number;
  /** Learning rate of each step. */
  learningRates: number[];
  /** What evaluation sees. */
  evaluation: Example[];
}

class StandIn {
  training = false;
  generator = new Generator(0);
  readonly device = "cpu";
  readonly batches: Example[][] = [];
  readonly #parameter: Tensor = tensor([1], [1], { requiresGrad: true });

  constructor(
    readonly config: Record<string, unknown>,
    readonly maxLength: number,
  ) {}

  train(): void {
    this.training = true;
  }

  eval(): void {
    this.training = false;
  }

  parameters(): Map<string, Tensor> {
    return new Map([["weight", this.#parameter]]);
  }

  collate(examples: readonly Example[]) {
    this.batches.push([...examples]);
    return { tokens: 1, lossCount: 1, dispose() {} };
  }

  forward(): { loss: Tensor } {
    return { loss: mean(this.#parameter) };
  }

  async savePretrained(): Promise<void> {}
}

/** Runs the Trainer over rows without a model. */
export async function record(
  { config, maxLength }: TrainableModel,
  parts: { tokenizer: Tokenizer; task: AnyTask; train: Row[]; evaluate: Row[]; args: TrainingArgs },
): Promise<Recording> {
  const { tokenizer, train, evaluate, args } = parts;
  const standIn = new StandIn(config, maxLength ?? 512);
  // There are no outputs to predict from, nor a model that answers.
  const silent = { predict: () => [], respond: undefined, join: () => [], metrics: () => ({}) };
  const task = Object.assign(Object.create(parts.task) as AnyTask, silent);
  const model = standIn as unknown as TrainableModel;
  const whole: TrainingArgs = { ...args, evalEvery: "no" };
  const trainer = new Trainer({ model, tokenizer, task, train, eval: evaluate, args: whole });
  const learningRates: number[] = [];
  let epochs = 0;
  for await (const event of trainer.run()) {
    if (event.type === "step") learningRates.push(event.learningRate);
    epochs = event.epoch;
  }
  const steps = standIn.batches.splice(0);
  await trainer.evaluate();
  return { steps, epochs, learningRates, evaluation: standIn.batches.flat() };
}
