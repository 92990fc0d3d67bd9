// Counter-based randomness: a generator is a seed and the number of calls made, nothing more, so a checkpoint
// stores two numbers and a mask is made again where it is needed. See native/core/random.h for the bits.
import { AthanorError } from "../errors.js";

/** The four 32-bit numbers that identify one call's random stream. */
export interface RandomCall {
  seedLow: number;
  seedHigh: number;
  callLow: number;
  callHigh: number;
}

/** Belongs to a model or a trainer, never to the process. */
export class Generator {
  readonly seed: number;
  /** Calls made so far; set it to go on from a checkpoint. */
  calls: number;

  /** @param seed integer from 0 to 2^53 - 1 */
  constructor(seed: number, calls = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Generator: seed must be an integer from 0 to 2^53 - 1, got ${seed}`,
      );
    }
    this.seed = seed;
    this.calls = calls;
  }

  /** Takes the next call's stream. */
  nextCall(): RandomCall {
    const call = this.calls++;
    return {
      seedLow: this.seed % 4294967296,
      seedHigh: Math.floor(this.seed / 4294967296),
      callLow: call % 4294967296,
      callHigh: Math.floor(call / 4294967296),
    };
  }
}

let current = new Generator(0);

/** Starts the default generator again: the one used by what has none of its own. */
export function manualSeed(seed: number): void {
  current = new Generator(seed);
}

/** The generator at hand: a model's during its forward, else the default one. */
export function currentGenerator(): Generator {
  return current;
}

/** Runs `fn` with another generator at hand. */
export function withGenerator<T>(generator: Generator, fn: () => T): T {
  const before = current;
  current = generator;
  try {
    return fn();
  } finally {
    current = before;
  }
}
