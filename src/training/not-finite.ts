// A step whose loss or gradients are NaN or infinite: where that came from, found by running its batches once more.
import { AthanorError } from "../errors.js";
import type { Batch, Example } from "../models/batch.js";
import { Generator } from "../tensor/random.js";
import { Tensor } from "../tensor/tensor.js";
import type { Rest } from "./rest.js";
import { countsNothing, type StepNumbers } from "./step.js";
import { disposeOutput, type TrainableModel, type TrainableOutput } from "./task.js";

/** The step as it was made; the update has changed nothing. */
export interface FailedStep {
  /** From 1. */
  step: number;
  numbers: StepNumbers;
  /** The examples of each batch, and the rows of the data that they come from. */
  group: readonly Example[][];
  rows: readonly number[];
  /** What dropout began with. */
  generator: { seed: number; calls: number };
}

type Outputs = TrainableOutput & { hiddenStates?: Tensor[] };

/**
 * The error that tells step, rows and the first place where a number was not finite. The model is in training mode; its
 * gradients must have been cleared, and are there afterwards.
 */
export async function notFiniteError(
  model: TrainableModel,
  failed: FailedStep,
  rest: Rest,
): Promise<AthanorError> {
  const { step, numbers, rows, generator } = failed;
  const place = await firstPlace(model, failed, rest);
  const { loss, gradNorm } = numbers;
  const listed =
    rows.length > 40 ? `${rows.slice(0, 40).join(", ")} and ${rows.length - 40} more` : rows.join(", ");
  model.generator = new Generator(generator.seed, generator.calls);
  return new AthanorError(
    "ERR_DATA",
    `Trainer: step ${step}: loss and gradients must be finite, got a loss of ${loss} and a gradient norm of ${gradNorm} ` +
      `for rows ${listed}; first in ${place}. The step changed no parameter`,
    { cause: { step, loss, gradNorm, rows: [...rows], place } },
  );
}

async function firstPlace(
  model: TrainableModel,
  { group, generator }: FailedStep,
  rest: Rest,
): Promise<string> {
  for (const [name, parameter] of model.parameters()) {
    if (!(await allFinite(parameter))) return `the parameter ${name}, before this step`;
    await rest.ifDue();
  }
  model.generator = new Generator(generator.seed, generator.calls);
  for (const examples of group) {
    const batch = model.collate(examples);
    try {
      const place = countsNothing(batch) ? undefined : await placeInBatch(model, batch);
      if (place !== undefined) return place;
    } finally {
      batch.dispose();
    }
    await rest.ifDue();
  }
  return "none that it was found in again: the sum of the gradients' squares may be out of range";
}

/** Forward first, from the embeddings on; then backward, from the head on. */
async function placeInBatch(model: TrainableModel, batch: Batch): Promise<string | undefined> {
  const forward = model.forward.bind(model) as (batch: Batch, options: { hiddenStates: boolean }) => Outputs;
  const { loss, hiddenStates = [], ...others } = forward(batch, { hiddenStates: true });
  try {
    for (const [i, hidden] of hiddenStates.entries()) {
      if (!(await allFinite(hidden))) return i === 0 ? "the embeddings" : `encoder layer ${i - 1}`;
    }
    for (const [name, value] of Object.entries(others)) {
      if (value instanceof Tensor && !(await allFinite(value))) return `the head's ${name}`;
    }
    if (!loss) return undefined;
    if (!(await allFinite(loss))) return "the loss";
    loss.backward();
  } finally {
    disposeOutput({ loss, hiddenStates, ...others });
  }
  for (const [name, parameter] of [...model.parameters()].reverse()) {
    const gradient = parameter.grad;
    const finite = !gradient || (await allFinite(gradient));
    gradient?.dispose();
    if (!finite) return `the gradient of ${name}`;
  }
  return undefined;
}

async function allFinite(tensor: Tensor): Promise<boolean> {
  const values = await tensor.data();
  return values.every((value: number) => Number.isFinite(value));
}
