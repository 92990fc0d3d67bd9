import { expect, test } from "@jest/globals";
import type { Example } from "../../src/models/batch.js";
import { epochBatches, orderedBatches, stepGroups } from "../../src/training/batches.js";
import { Trainer } from "../../src/training/index.js";
import { tokenCountOf } from "../../src/training/task.js";
import { load, sources, withModel } from "../support/generative-models.js";
import { uniform } from "../support/random.js";

const next = uniform(7);
const lengths = Array.from({ length: 500 }, () => 1 + Math.floor(next() * 60));
const tokensOf = (batch: readonly number[]) => batch.reduce((sum, row) => sum + lengths[row], 0);

test.each([{ batchSize: 32 }, { tokensPerBatch: 300 }, { tokensPerBatch: 300, groupByLength: true }])(
  "every row comes once per epoch: %j",
  (options) => {
    const batches = epochBatches(lengths, options, 5, 0);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
  },
);

test("a token budget is filled and never exceeded", () => {
  const batches = epochBatches(lengths, { tokensPerBatch: 300 }, 5, 0);
  for (const [i, batch] of batches.entries()) {
    expect(tokensOf(batch)).toBeLessThanOrEqual(300);
    const following = batches[i + 1];
    if (following) expect(tokensOf(batch) + lengths[following[0]]).toBeGreaterThan(300);
  }
});

test("the target of an encoder-decoder counts, labels of others do not", async () => {
  await withModel(load("bart-conditional"), async (model) => {
    expect(sources.map((example) => tokenCountOf(example, model))).toEqual([9, 4]);
    const given = { inputIds: [5, 6], decoderInputIds: [2, 9, 11] };
    expect(tokenCountOf(given, model)).toBe(5);
    const rows = Array.from({ length: 12 }, (_, i) => sources[i % 2]);
    const prepare = (row: object) => row as Example;
    const args = { tokensPerBatch: 13, epochs: 1, shuffle: false };
    const { steps } = await new Trainer({ model, train: rows, prepare, args }).train();
    expect(steps).toBe(6); // sources alone would go three into a batch
  });
  await withModel(load("gpt2-lm"), (model) => {
    expect(tokenCountOf(sources[1], model)).toBe(2);
  });
});

test("a row longer than the budget stands alone", () => {
  expect(orderedBatches([5, 400, 5], { tokensPerBatch: 100 })).toEqual([[0], [1], [2]]);
});

test("seed and epoch decide the order", () => {
  const batches = (seed: number, epoch: number) => epochBatches(lengths, { batchSize: 32 }, seed, epoch);
  expect(batches(5, 1)).toEqual(batches(5, 1));
  expect(batches(5, 1)).not.toEqual(batches(5, 0));
  expect(batches(6, 1)).not.toEqual(batches(5, 1));
  expect(batches(5 + 2 ** 32, 1)).not.toEqual(batches(5, 1));
});

test("grouping by length puts like beside like", () => {
  const spread = (groupByLength: boolean) => {
    const batches = epochBatches(lengths, { batchSize: 16, groupByLength }, 5, 0);
    const widths = batches.map(
      (rows) => Math.max(...rows.map((r) => lengths[r])) - Math.min(...rows.map((r) => lengths[r])),
    );
    return widths.reduce((sum, width) => sum + width, 0) / widths.length;
  };
  expect(spread(true)).toBeLessThan(spread(false) / 4);
});

test("token budgets of like beside like: a padded rectangle of each would lose a third", () => {
  const padding = (groupByLength: boolean) => {
    const batches = epochBatches(lengths, { tokensPerBatch: 512, groupByLength }, 5, 0);
    const padded = batches.map((rows) => rows.length * Math.max(...rows.map((row) => lengths[row])));
    return padded.reduce((sum, size) => sum + size, 0) / lengths.reduce((sum, length) => sum + length, 0);
  };
  expect(padding(true) - 1).toBeLessThan((padding(false) - 1) / 3);
});

test("rows in their own order; a last batch that is not full may be left out", () => {
  expect(epochBatches([1, 1, 1, 1, 1], { batchSize: 2, shuffled: false }, 5, 3)).toEqual([
    [0, 1],
    [2, 3],
    [4],
  ]);
  const full = epochBatches([1, 1, 1, 1, 1], { batchSize: 2, dropLast: true }, 5, 3);
  expect(full.map((rows) => rows.length)).toEqual([2, 2]);
  const grouped = epochBatches(lengths, { batchSize: 32, groupByLength: true, dropLast: true }, 5, 0);
  expect(grouped.every((rows) => rows.length === 32)).toBe(true);
});

test("groups of batches make the steps; the last one may be smaller", () => {
  const groups = stepGroups([[0], [1], [2], [3], [4]], 2);
  expect(groups).toEqual([[[0], [1]], [[2], [3]], [[4]]]);
});

test("sizes below one are refused", () => {
  expect(() => orderedBatches([1], { batchSize: 0 })).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT" }),
  );
});
