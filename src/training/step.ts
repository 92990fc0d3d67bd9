// One optimizer step: enqueued at once, its numbers read when the device gets there. The caller keeps at most
// two under way.
import type { Batch, Example } from "../models/batch.js";
import { scope } from "../tensor/scope.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import type { AdamW } from "./optimizer.js";
import { turn } from "./rest.js";
import { requireLoss, type TrainableModel } from "./task.js";

/** What a step gave; known when it has run. */
export interface StepNumbers {
  /** Mean per label. */
  loss: number;
  /** Of all gradients, before clipping. */
  gradNorm: number;
}

/** A step that is on the queue. */
export interface EnqueuedStep {
  tokens: number;
  /** Labels that the loss counts. */
  labels: number;
  /** Rejects with the first cause when the step failed and changed nothing. Never an unhandled rejection. */
  numbers: Promise<StepNumbers>;
}

export interface StepContext {
  model: TrainableModel;
  optimizer: AdamW;
  maxGradNorm: number;
  signal?: AbortSignal;
}

/**
 * Enqueues forward and backward of each batch and one update. The batches' losses are weighted by the labels
 * that each counts, so that a group gives what one large batch would give. The event loop has a turn between
 * the parts.
 *
 * Rejects with ERR_ABORTED between the parts; gradients may then be there, parameters are untouched.
 */
export async function enqueueStep(context: StepContext, group: readonly Example[][]): Promise<EnqueuedStep> {
  const { model, optimizer, maxGradNorm, signal } = context;
  const batches: Batch[] = [];
  const losses: Promise<number>[] = [];
  try {
    for (const examples of group) batches.push(model.collate(examples));
    const labels = batches.reduce((sum, batch) => sum + batch.lossCount, 0);
    const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0);
    for (const batch of batches) {
      const weight = batches.length === 1 ? 1 : batch.lossCount / Math.max(1, labels);
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
    const { gradNorm } = optimizer.step(Number.isFinite(maxGradNorm) ? { maxGradNorm } : {});
    losses.unshift(readWeighted(gradNorm, 1));
    gradNorm.dispose();
    optimizer.zeroGrad();
    const numbers = Promise.all(losses).then(([norm, ...parts]) => {
      return { loss: parts.reduce((sum, part) => sum + part, 0), gradNorm: norm };
    });
    numbers.catch(() => {}); // whoever awaits it gets the error too
    return { tokens, labels, numbers };
  } finally {
    for (const batch of batches) batch.dispose();
  }
}

function backward(loss: Tensor, weight: number): void {
  if (weight === 1) loss.backward();
  else scope(() => loss.backward(tensor([weight], [], { device: loss.device as "cpu" })));
}

/** Puts the reading on the queue; the handle may go at once. */
function readWeighted(value: Tensor, weight: number): Promise<number> {
  const read = value.item().then((number) => number * weight);
  read.catch(() => {}); // other readings of the step may fail first, and an abort awaits none
  return read;
}
