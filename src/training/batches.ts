// Which rows make a batch, and which batches an optimizer step: decided by seed and epoch alone, so that a
// run can be taken up anywhere.

import { shuffle } from "../data/shuffle.js";
import { AthanorError } from "../errors.js";

/** Row numbers of one batch. */
export type BatchRows = readonly number[];

export interface BatchOptions {
  /** Rows per batch, or ... */
  batchSize?: number;
  /** ... most tokens per batch; a longer row stands alone. */
  tokensPerBatch?: number;
  /** Sorts by length inside windows of 16 batches, then mixes the batches. */
  groupByLength?: boolean;
  /** Rows stay in their own order when false; default true. */
  shuffled?: boolean;
  /** Leaves out a last batch of fewer than batchSize rows. */
  dropLast?: boolean;
}

const WINDOW_BATCHES = 16;

/**
 * The batches of one epoch: all rows once (but for dropLast), in an order that follows from seed and epoch.
 *
 * @param lengths tokens of each row
 * @example
 * epochBatches(examples.map((e) => e.inputIds.length), { tokensPerBatch: 4096 }, 42, 0);
 */
export function epochBatches(
  lengths: ArrayLike<number>,
  options: BatchOptions,
  seed: number,
  epoch: number,
): BatchRows[] {
  if (options.shuffled === false) return orderedBatches(lengths, options);
  const epochSeed = seedOf(seed, epoch);
  const order = shuffle(
    Array.from({ length: lengths.length }, (_, row) => row),
    epochSeed,
  );
  if (!options.groupByLength) return cut(order, lengths, options);
  const window = WINDOW_BATCHES * rowsPerBatch(lengths, options);
  const sorted: number[] = [];
  for (let first = 0; first < order.length; first += window) {
    // Sorting is stable: rows of one length keep their random order.
    sorted.push(...order.slice(first, first + window).sort((a, b) => lengths[a] - lengths[b]));
  }
  return shuffle(cut(sorted, lengths, options), epochSeed);
}

/** Consecutive batches of rows in their own order. */
export function orderedBatches(lengths: ArrayLike<number>, options: BatchOptions): BatchRows[] {
  return cut(
    Array.from({ length: lengths.length }, (_, row) => row),
    lengths,
    options,
  );
}

/** Batches in groups of `size`, one optimizer step each; the last group of an epoch may be smaller. */
export function stepGroups(batches: readonly BatchRows[], size: number): BatchRows[][] {
  const groups: BatchRows[][] = [];
  for (let first = 0; first < batches.length; first += size) groups.push(batches.slice(first, first + size));
  return groups;
}

function cut(order: readonly number[], lengths: ArrayLike<number>, options: BatchOptions): BatchRows[] {
  const { batchSize = Number.POSITIVE_INFINITY, tokensPerBatch = Number.POSITIVE_INFINITY } = options;
  if (!(batchSize >= 1) || !(tokensPerBatch >= 1)) {
    const came = `batchSize ${batchSize}, tokensPerBatch ${tokensPerBatch}`;
    throw new AthanorError("ERR_ARGUMENT", `batches: sizes must be at least 1, got ${came}`);
  }
  const batches: number[][] = [];
  let batch: number[] = [];
  let tokens = 0;
  for (const row of order) {
    const full = batch.length >= batchSize || tokens + lengths[row] > tokensPerBatch;
    if (full && batch.length > 0) {
      batches.push(batch);
      batch = [];
      tokens = 0;
    }
    batch.push(row);
    tokens += lengths[row];
  }
  if (batch.length > 0 && !(options.dropLast && batch.length < batchSize)) batches.push(batch);
  return batches;
}

function rowsPerBatch(lengths: ArrayLike<number>, options: BatchOptions): number {
  if (options.batchSize !== undefined) return options.batchSize;
  let tokens = 0;
  for (let row = 0; row < lengths.length; row++) tokens += lengths[row];
  const mean = Math.max(1, tokens / Math.max(1, lengths.length));
  return Math.max(1, Math.round((options.tokensPerBatch ?? 1) / mean));
}

/** One seed per epoch: the epoch goes above the lower 32 bits, as `shuffle` mixes both halves. */
function seedOf(seed: number, epoch: number): number {
  const high = (Math.floor(seed / 2 ** 32) * 4099 + epoch + 1) % 2 ** 21;
  return (seed % 2 ** 32) + high * 2 ** 32;
}
