// Splits a data set into a training and a test part.

import { AthanorError } from "../errors.js";
import { shuffle } from "./shuffle.js";
import { shown } from "./text-source.js";

/** Options of `split`. */
export interface SplitOptions {
  /** The share of rows in the test part (above 0, below 1), or their number (an integer from 1). */
  test: number;
  /** A non-negative integer; the same seed gives the same parts everywhere. */
  seed: number;
  /** A column whose values keep their proportions in both parts. */
  stratifyBy?: string;
}

/**
 * Shuffles the rows and splits them. A share is rounded to the nearest number of rows; with `stratifyBy`,
 * each value's rows are divided in the same proportion, by largest remainder, so that the total stays exact.
 *
 * Throws ERR_ARGUMENT for wrong options and when a part would be empty, ERR_DATA when a row lacks the column.
 *
 * @example
 * const { train, test } = split(rows, { test: 0.1, seed: 42, stratifyBy: "label" });
 */
export function split<T extends object>(
  rows: readonly T[],
  options: SplitOptions,
): { train: T[]; test: T[] } {
  const count = testCount(rows.length, options.test);
  const strata = rows.map((row, index) => stratumOf(row, index, options.stratifyBy));
  const quota = quotas(strata, count);
  const train: T[] = [];
  const test: T[] = [];
  const order = shuffle(Array.from(rows.keys()), options.seed);
  for (const index of order) {
    const left = quota.get(strata[index]) as number;
    (left > 0 ? test : train).push(rows[index]);
    quota.set(strata[index], left - 1);
  }
  return { train, test };
}

function testCount(rows: number, test: number): number {
  const share = test > 0 && test < 1;
  if (!share && !(Number.isInteger(test) && test >= 1)) {
    const needed = "a share between 0 and 1, or a number of rows";
    throw new AthanorError("ERR_ARGUMENT", `split: test must be ${needed}, got ${shown(test)}`);
  }
  const count = share ? Math.round(rows * test) : test;
  if (count < 1 || count >= rows) {
    const came = `${count} of ${rows} rows in the test part`;
    throw new AthanorError("ERR_ARGUMENT", `split: both parts need at least one row, got ${came}`);
  }
  return count;
}

function stratumOf(row: object, index: number, column: string | undefined): string {
  if (column === undefined) return "";
  const value = Object.hasOwn(row, column) ? (row as Record<string, unknown>)[column] : undefined;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return String(value);
  const came = value === undefined ? "none" : shown(value);
  throw new AthanorError("ERR_DATA", `split: row ${index} needs a value in column "${column}", got ${came}`);
}

/** How many test rows each stratum gives: its share rounded down, and the rest by largest remainder. */
function quotas(strata: string[], count: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const stratum of strata) sizes.set(stratum, (sizes.get(stratum) ?? 0) + 1);
  const shares = [...sizes].map(([stratum, size]) => {
    const exact = (size * count) / strata.length;
    return { stratum, whole: Math.floor(exact), remainder: exact - Math.floor(exact), size };
  });
  let left = count - shares.reduce((sum, { whole }) => sum + whole, 0);
  // Ties go to the larger stratum, then to the one that appeared first: sort is stable.
  shares.sort((a, b) => b.remainder - a.remainder || b.size - a.size);
  const quota = new Map<string, number>();
  for (const { stratum, whole } of shares) quota.set(stratum, whole + (left-- > 0 ? 1 : 0));
  return quota;
}
