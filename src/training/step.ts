// One optimizer step, in two parts: gradients and update. Both are enqueued at once, their numbers read when the device
// gets there. The Trainer enqueues the gradients of a step while the one before runs, and its update once that was sound.
import type { Batch, Example } from "../models/batch.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { scope } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import { turn } from "./rest.js";
import { requireLoss, type TrainableModel } from "./task.js";

/** What a step gave; known when it has run. */
export interface StepNumbers {
  /** Mean per label; 0 when the step had no label to count. */
  loss: number;
  /** Of all gradients, before clipping. When it is not finite the step changed nothing. */
  gradNorm: number;
}

/** Gradients that are on the queue. */
export interface EnqueuedGradients {
  tokens: number;
  /** Labels that the loss counts, by their weights where classes have some. */
  labels: number;
  /** The weighted loss of each batch. Never an unhandled rejection. */
  losses: Promise<number>[];
}

/** A step that is on the queue. */
export interface EnqueuedStep {
  tokens: number;
  labels: number;
  /** Rejects with the first cause when the step failed and changed nothing. Never an unhandled rejection. */
  numbers: Promise<StepNumbers>;
}

export interface StepContext {
  model: TrainableModel;
  optimizer: Optimizer;
  maxGradNorm: number;
  signal?: AbortSignal;
}

/** Both parts. Rejects with ERR_ABORTED as enqueueGradients() does. */
export async function enqueueStep(context: StepContext, group: readonly Example[][]): Promise<EnqueuedStep> {
  return enqueueUpdate(context, await enqueueGradients(context, group));
}

/**
 * Enqueues forward and backward of each batch. The batches' losses are weighted by the labels that each counts, so
 * that a group gives what one large batch would give. The event loop has a turn between the parts.
 *
 * Rejects with ERR_ABORTED between the parts; gradients may then be there.
 */
export async function enqueueGradients(
  { model, signal }: StepContext,
  group: readonly Example[][],
): Promise<EnqueuedGradients> {
  const batches: Batch[] = [];
  const losses: Promise<number>[] = [];
  try {
    for (const examples of group) batches.push(model.collate(examples));
    const labels = batches.reduce((sum, batch) => sum + batch.lossCount, 0);
    const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0);
    for (const batch of batches) {
      if (countsNothing(batch)) continue;
      const weight = batches.length === 1 ? 1 : batch.lossCount / (labels || 1);
      const loss = requireLoss(model.forward(batch));
      try {
        await turn(signal);
        losses.push(readWeighted(loss, weight));
        backward(loss, weight);
      } finally {
        loss.dispose();
      }
      await turn(signal);
    }
    return { tokens, labels, losses };
  } finally {
    for (const batch of batches) batch.dispose();
  }
}

/** Enqueues the update by these gradients, and forgets them. Gradients that are not finite change nothing. */
export function enqueueUpdate(
  { optimizer, maxGradNorm }: StepContext,
  { tokens, labels, losses }: EnqueuedGradients,
): EnqueuedStep {
  const limit = Number.isFinite(maxGradNorm) ? { maxGradNorm } : {};
  const { gradNorm } = optimizer.step({ ...limit, skipNotFinite: true });
  const norm = readWeighted(gradNorm, 1);
  gradNorm.dispose();
  optimizer.zeroGrad();
  const numbers = Promise.all([norm, ...losses]).then(([gradNorm, ...parts]) => {
    return { loss: parts.reduce((sum, part) => sum + part, 0), gradNorm };
  });
  numbers.catch(() => {}); // whoever awaits it gets the error too
  return { tokens, labels, numbers };
}

/** Labels are there, but none that counts (no word was masked, say): the mean over them is NaN. */
export function countsNothing(batch: Batch): boolean {
  return batch.labels !== undefined && batch.lossCount === 0;
}

/**
 * The gradient of the loss is its weight, and NaN where the loss is not finite: then no gradient is, and the update
 * skips the step.
 */
function backward(loss: Tensor, weight: number): void {
  scope(() => loss.backward(add(mul(loss.detach(), 0), weight)));
}

/** Puts the reading on the queue; the handle may go at once. */
function readWeighted(value: Tensor, weight: number): Promise<number> {
  const read = value.item().then((number) => number * weight);
  read.catch(() => {}); // other readings of the step may fail first, and an abort awaits none
  return read;
}
