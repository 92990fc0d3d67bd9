// Passes over data without gradients: outputs to predictions, with the mean loss where there are labels.
import type { Batch, Example } from "../models/batch.js";
import { ready } from "../tensor/device.js";
import { noGrad } from "../tensor/scope.js";
import { Tensor } from "../tensor/tensor.js";
import { orderedBatches } from "./batches.js";
import { WeightedMean } from "./events.js";
import { throwIfAborted, turn } from "./rest.js";
import { disposeOutput, type OutputValues, type Task, type TrainableModel, tokenCount } from "./task.js";

export interface EvaluationOptions {
  /** Rows per batch. */
  batchSize: number;
  signal?: AbortSignal;
}

export interface Evaluation<Prediction> {
  /** One per example, in order. */
  predictions: Prediction[];
  /** Mean per label; undefined without labels. */
  loss: number | undefined;
  tokens: number;
}

interface PendingBatch {
  examples: Example[];
  loss: Promise<number> | undefined;
  lossCount: number;
  outputs: Promise<Record<string, OutputValues>>;
}

/**
 * Predicts all examples. The model's mode is restored afterwards; at most two batches are under way, and the
 * event loop has a turn after each.
 *
 * Rejects with ERR_ABORTED, and with what a batch fails with (ERR_DATA for a label out of range, ...).
 */
export async function evaluateExamples<Prediction>(
  model: TrainableModel,
  task: Pick<Task<Prediction>, "outputs" | "predict">,
  examples: readonly Example[],
  options: EvaluationOptions,
): Promise<Evaluation<Prediction>> {
  const { batchSize, signal } = options;
  const training = model.training;
  const loss = new WeightedMean();
  const predictions: Prediction[] = [];
  const pending: PendingBatch[] = [];
  const finishOne = async (): Promise<void> => {
    const batch = pending.shift()!;
    const outputs = await batch.outputs;
    // Without a single label the mean is NaN.
    if (batch.loss && batch.lossCount > 0) loss.add(await batch.loss, batch.lossCount);
    for (const prediction of task.predict(outputs, batch.examples, model)) predictions.push(prediction);
  };
  let tokens = 0;
  model.eval();
  try {
    for (const rows of orderedBatches(examples.map(tokenCount), { batchSize })) {
      if (pending.length >= 2) await finishOne();
      await ready();
      throwIfAborted(signal);
      const batch = model.collate(rows.map((row) => examples[row]));
      tokens += batch.tokens;
      pending.push(
        enqueueBatch(
          model,
          batch,
          rows.map((row) => examples[row]),
          task.outputs ?? ["logits"],
        ),
      );
      await turn(signal);
    }
    while (pending.length > 0) await finishOne();
  } finally {
    if (training) model.train();
  }
  return { predictions, loss: Number.isNaN(loss.value) ? undefined : loss.value, tokens };
}

function enqueueBatch(
  model: TrainableModel,
  batch: Batch,
  examples: Example[],
  names: NonNullable<Task["outputs"]>,
): PendingBatch {
  try {
    const output = noGrad(() => model.forward(batch));
    const loss = output.loss?.item();
    const outputs = readOutputs(output as Record<string, unknown>, names);
    // Awaited in turn; one that fails first must not count as unhandled.
    loss?.catch(() => {});
    outputs.catch(() => {});
    disposeOutput(output);
    return { examples, loss, lossCount: batch.lossCount, outputs };
  } finally {
    batch.dispose();
  }
}

async function readOutputs(
  output: Record<string, unknown>,
  names: NonNullable<Task["outputs"]>,
): Promise<Record<string, OutputValues>> {
  const readings = names.flatMap((entry) => {
    // `in`, as asking for the value would make an output that is made when read.
    const name = typeof entry === "string" ? entry : entry.find((wanted) => wanted in output);
    const value = name === undefined ? undefined : output[name];
    return name !== undefined && value instanceof Tensor
      ? [{ name, shape: value.shape, data: value.data() }]
      : [];
  });
  const values = await Promise.all(readings.map(({ data }) => data));
  return Object.fromEntries(
    readings.map(({ name, shape }, i) => [name, { shape, data: values[i] as Float32Array }]),
  );
}
