// Random numbers of what is decided in TypeScript (masks, pairs of sentences, sampled tokens), by Philox4x32-10
// (Salmon et al., SC11): every place of a run has its own stream, so that a resumed run draws what the uninterrupted
// one draws. Those of dropout and fresh weights: random.ts.
import { AthanorError } from "../errors.js";

// Dropout takes its keys from the seed alone, and a seed has 53 bits: with the topmost bit set, no key is the same.
const OWN_KEYS = 0x80000000;

/** Where in a run a stream belongs: integers from 0 to 2^32 - 1, 0 when left out. */
export interface RandomPlace {
  epoch?: number;
  /** Optimizer step, from 0. */
  step?: number;
  /** Batch of the step, from 0. */
  batch?: number;
}

/**
 * A stream of random numbers that depends on the seed and a place alone: the same on every platform. Not for
 * cryptography.
 *
 * @example
 * const random = new Random(42, { epoch: 0, step: 7 });
 * random.uniform(); // from 0 to below 1
 */
export class Random {
  readonly #key: readonly [low: number, high: number];
  readonly #place: readonly [batch: number, step: number, epoch: number];
  #block = 0;
  #words: number[] = [];

  /**
   * @param seed integer from 0 to 2^53 - 1
   * @throws ERR_ARGUMENT
   */
  constructor(seed: number, { epoch = 0, step = 0, batch = 0 }: RandomPlace = {}) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Random: seed must be an integer from 0 to 2^53 - 1, got ${String(seed)}`,
      );
    }
    for (const [name, value] of Object.entries({ epoch, step, batch })) {
      if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) continue;
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Random: ${name} must be an integer from 0 to 2^32 - 1, got ${String(value)}`,
      );
    }
    this.#key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32) + OWN_KEYS];
    this.#place = [batch, step, epoch];
  }

  /** An integer from 0 to 2^32 - 1. */
  word(): number {
    if (this.#words.length === 0) {
      this.#words = philox(this.#key, [this.#block++, ...this.#place]).reverse();
    }
    return this.#words.pop()!;
  }

  /** A number from 0 to below 1, a multiple of 2^-32. */
  uniform(): number {
    return this.word() / 2 ** 32;
  }

  /** An integer from 0 to `limit - 1`, all equally likely; `limit` is at least 1 and at most 2^32. */
  below(limit: number): number {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 2 ** 32)) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Random: limit must be an integer from 1 to 2^32, got ${String(limit)}`,
      );
    }
    // Values in the last, incomplete run of `limit` would favour small results: draw again.
    const fair = 2 ** 32 - (2 ** 32 % limit);
    for (;;) {
      const value = this.word();
      if (value < fair) return value % limit;
    }
  }

  /** Puts the elements of an array into a random order (Fisher-Yates), in place. */
  shuffle<T>(values: T[]): T[] {
    for (let last = values.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const kept = values[last];
      values[last] = values[other];
      values[other] = kept;
    }
    return values;
  }
}

function philox(key: readonly number[], counter: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = highHalf(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = highHalf(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper 32 bits of a product of two 32-bit numbers. */
function highHalf(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // below 2^32
  const other = a0 * b1 + (middle % 65536); // below 2^32
  return a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536);
}
