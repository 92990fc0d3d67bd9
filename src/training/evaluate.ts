// Passes over data without gradients: outputs to predictions, with the mean loss where there are labels.
import type { Example } from "../models/batch.js";
import { ready } from "../tensor/device.js";
import { noGrad } from "../tensor/scope.js";
import { Tensor } from "../tensor/tensor.js";
import { orderedBatches } from "./batches.js";
import { WeightedMean } from "./events.js";
import { throwIfAborted, turn } from "./rest.js";
import {
  disposeOutput,
  evaluating,
  type OutputValues,
  type Task,
  type TrainableModel,
  tokenCount,
} from "./task.js";

export interface EvaluationOptions {
  /** Rows per batch. */
  batchSize: number;
  /** Of what a task draws in its responses. */
  seed?: number;
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
 * Predicts all examples. At most two batches are under way, and the event loop has a turn after each; then the
 * model's mode is what it was.
 *
 * Rejects with ERR_ABORTED, and with what a batch fails with (ERR_DATA for a label out of range, ...).
 */
export async function evaluateExamples<Prediction>(
  model: TrainableModel,
  task: Pick<Task<Prediction>, "outputs" | "predict" | "respond">,
  examples: readonly Example[],
  options: EvaluationOptions,
): Promise<Evaluation<Prediction>> {
  const { batchSize, signal, seed = 0 } = options;
  const loss = new WeightedMean();
  const predictions: Prediction[] = [];
  const pending: PendingBatch[] = [];
  let answered = 0; // batches: each draws from streams of its own
  const finishOne = async (): Promise<void> => {
    const batch = pending.shift()!;
    const outputs = await batch.outputs;
    // Without a single label the mean is NaN.
    if (batch.loss && batch.lossCount > 0) loss.add(await batch.loss, batch.lossCount);
    const found = task.respond
      ? await task.respond(batch.examples, model, { signal, seed: (seed + answered++) % 2 ** 53 })
      : task.predict(outputs, batch.examples, model);
    for (const prediction of found) predictions.push(prediction);
  };
  let tokens = 0;
  for (const rows of orderedBatches(examples.map(tokenCount), { batchSize })) {
    if (pending.length >= 2) await finishOne();
    await ready();
    throwIfAborted(signal);
    const own = rows.map((row) => examples[row]);
    pending.push(enqueueBatch(model, task, own));
    tokens += own.reduce((sum, example) => sum + tokenCount(example), 0);
    await turn(signal);
  }
  while (pending.length > 0) await finishOne();
  return { predictions, loss: Number.isNaN(loss.value) ? undefined : loss.value, tokens };
}

function enqueueBatch(
  model: TrainableModel,
  { outputs: names = ["logits"], respond }: Pick<Task, "outputs" | "respond">,
  examples: Example[],
): PendingBatch {
  // A task that responds wants the loss alone of this pass.
  if (respond && examples.every(({ labels }) => labels === undefined)) {
    return { examples, loss: undefined, lossCount: 0, outputs: Promise.resolve({}) };
  }
  const batch = model.collate(examples);
  try {
    const output = noGrad(() => evaluating(model, () => model.forward(batch)));
    const loss = output.loss?.item();
    const outputs = readOutputs(output as Record<string, unknown>, respond ? [] : names);
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
