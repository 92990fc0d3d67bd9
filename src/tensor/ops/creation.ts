// Tensors made from nothing but numbers. The values follow from the generator's seed and call number alone:
// see native/ops/random/random.h for what they are, bit by bit.
import { AthanorError } from "../../errors.js";
import { callOp, requireInteger, requireNumber, requireObject } from "../call.js";
import { currentGenerator, type Generator } from "../random.js";
import type { Tensor } from "../tensor.js";

export interface RandomOptions {
  /** Default: the generator at hand (manualSeed). Each tensor takes one of its calls. */
  generator?: Generator;
  /** @internal The queue of the model that the tensor belongs to. */
  queue?: number;
}

/**
 * Uniform numbers in [low, high), f32.
 *
 * @throws ERR_ARGUMENT
 * @example
 * const x = ops.uniform([2, 3], -0.1, 0.1);
 */
export function uniform(shape: readonly number[], low = 0, high = 1, options: RandomOptions = {}): Tensor {
  return random(
    shape,
    0,
    requireNumber(low, "uniform", "low"),
    requireNumber(high, "uniform", "high"),
    options,
  );
}

/**
 * Normal numbers, f32 (Box and Muller).
 *
 * @throws ERR_ARGUMENT for a negative std
 * @example
 * const weight = ops.normal([768, 768], 0, 0.02);
 */
export function normal(shape: readonly number[], mean = 0, std = 1, options: RandomOptions = {}): Tensor {
  return random(
    shape,
    1,
    requireNumber(mean, "normal", "mean"),
    requireNumber(std, "normal", "std"),
    options,
  );
}

/**
 * Normal numbers no further than two standard deviations from the mean, f32; `std` is that of the
 * distribution before it is cut.
 *
 * @throws ERR_ARGUMENT for a negative std
 * @example
 * const weight = ops.truncatedNormal([768, 768], 0, 0.02);
 */
export function truncatedNormal(
  shape: readonly number[],
  mean = 0,
  std = 1,
  options: RandomOptions = {},
): Tensor {
  const [m, s] = [
    requireNumber(mean, "truncatedNormal", "mean"),
    requireNumber(std, "truncatedNormal", "std"),
  ];
  return random(shape, 2, m, s, options);
}

function random(
  shape: readonly number[],
  distribution: number,
  a: number,
  b: number,
  options: RandomOptions,
): Tensor {
  if (!Array.isArray(shape) || shape.length > 4) {
    throw new AthanorError("ERR_ARGUMENT", "random: shape must be an array of at most four sizes");
  }
  for (const size of shape) requireInteger(size, "random", "shape", 0);
  const { generator, queue = 0 } = requireObject(options, "random");
  const { seedLow, seedHigh, callLow, callHigh } = (generator ?? currentGenerator()).nextCall();
  const stream = [seedLow, seedHigh, callLow, callHigh];
  return callOp("random", shape.length, ...shape, distribution, a, b, ...stream, queue);
}
