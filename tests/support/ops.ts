// What tests of ops share: fixtures, comparison, gradients against central differences, error codes.
import { mul } from "../../src/tensor/ops/elementwise.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData } from "./random.js";

export { type FixtureData, fixtureCases, fixtureTolerance, type OpCase } from "./fixtures.js";
export { countOf, randomData, randomIntegers, uniform } from "./random.js";

/** Whether the tests run on a GPU, or on the emulated one: ATHANOR_DEVICE=cuda. */
export const onCuda = (): boolean => scope(() => tensor([0], [1]).device !== "cpu");

// Constants of the module, as look-ups of globals are slow in the context that Jest runs tests in.
const { abs, max } = Math;
const { isFinite: finite } = Number;
const { is } = Object;

/**
 * Fails unless the largest difference is at most `tolerance` times the largest finite |expected| (1 if there
 * is none but zeros). NaN must meet NaN, an infinity itself.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  label: string,
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} elements, expected ${expected.length}`);
  }
  let largest = 0;
  let worst = 0;
  let worstAt = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i];
    const e = expected[i];
    if (!finite(e) || !finite(a)) {
      if (!is(a, e)) throw new Error(`${label}: element ${i} is ${a}, expected ${e}`);
      continue;
    }
    largest = max(largest, abs(e));
    if (abs(a - e) > worst) {
      worst = abs(a - e);
      worstAt = i;
    }
  }
  const scale = largest === 0 ? 1 : largest;
  if (worst > tolerance * scale) {
    throw new Error(
      `${label}: element ${worstAt} is ${actual[worstAt]}, expected ${expected[worstAt]}: ` +
        `off by ${(worst / scale).toExponential(2)} of the largest, allowed ${tolerance.toExponential(2)}`,
    );
  }
}

/** Fails unless both hold the same bits. */
export function expectSameBits(actual: ArrayLike<number>, expected: ArrayLike<number>, label: string): void {
  if (actual.length !== expected.length) throw new Error(`${label}: lengths differ`);
  for (let i = 0; i < expected.length; i++) {
    if (!is(actual[i], expected[i])) {
      throw new Error(`${label}: element ${i} is ${actual[i]}, expected the same bits as ${expected[i]}`);
    }
  }
}

export interface Evaluation {
  output: Float32Array;
  shape: number[];
  /** Of every input, in order; null where none arrived. */
  gradients: (Float32Array | null)[];
}

/** Runs fn on f32 inputs that require gradients, forward and backward; without upstream only forward. */
export function evaluate(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: { shape: number[]; data: ArrayLike<number> }[],
  upstream?: ArrayLike<number>,
): Evaluation {
  return scope(() => {
    const leaves = inputs.map(({ data, shape }) =>
      tensor(Float32Array.from(data), shape, { requiresGrad: upstream !== undefined }),
    );
    const y = fn(...leaves);
    if (upstream) backwardReadingOnly(y, Float32Array.from(upstream));
    return {
      output: y.dataSync() as Float32Array,
      shape: y.shape,
      gradients: leaves.map((leaf) =>
        upstream ? ((leaf.grad?.dataSync() ?? null) as Float32Array | null) : null,
      ),
    };
  });
}

/** y.backward(upstream), after which the given tensor must hold what it held, also when .grad has been added to. */
function backwardReadingOnly(y: Tensor, upstream: Float32Array): void {
  const given = tensor(upstream, y.shape);
  y.backward(given);
  const after = mul(given, 1).dataSync() as Float32Array; // what commands see, not the upload that is kept
  for (let i = 0; i < upstream.length; i++) {
    if (!is(after[i], upstream[i])) throw new Error(`backward() changed the gradient it was given at ${i}`);
  }
}

export interface GradientOptions {
  /** Distance of the differences; default 0.02. Inputs of order 1, none within 2 steps of a kink. */
  step?: number;
  /** Largest error relative to the largest element of an input's gradient; default 2e-3. */
  tolerance?: number;
  /** A gradient smaller than this everywhere is compared with it, not with itself; default 1e-2. */
  floor?: number;
  /** Seed of the upstream gradient; default 7. */
  seed?: number;
  /** Which inputs are checked (positions); default all. The others require no gradient. */
  wrt?: number[];
  /** At most this many elements per input are differenced, evenly spread; default 200. */
  most?: number;
}

interface Input {
  shape: number[];
  data: ArrayLike<number>;
}

/**
 * Compares the gradients of sum(fn(...inputs) * upstream), upstream fixed and random, with differences of
 * fourth order: (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h. Their truncation error is of order h^4 and
 * float32's rounding costs about 1e-7 / h, so that with h = 0.02 both stay far below the tolerance: a true
 * error of 1e-2 is caught.
 */
export async function checkGradients(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Input[],
  options: GradientOptions = {},
): Promise<void> {
  const { step = 0.02, tolerance = 2e-3, floor = 1e-2, seed = 7, most = 200 } = options;
  const wrt = options.wrt ?? inputs.map((_, i) => i);
  const data = inputs.map((input) => Float32Array.from(input.data));
  const evaluate = (): Float32Array =>
    scope(() =>
      noGrad(() => fn(...inputs.map((input, i) => tensor(data[i], input.shape))).dataSync() as Float32Array),
    );

  const leaves = inputs.map((input, i) => tensor(data[i], input.shape, { requiresGrad: wrt.includes(i) }));
  const output = fn(...leaves);
  const upstream = randomData(output.shape, seed);
  backwardReadingOnly(output, upstream);

  for (const i of wrt) {
    const grad = leaves[i].grad;
    if (!grad) throw new Error(`gradient ${i}: none arrived`);
    const actual = (await grad.data()) as Float32Array;
    if (actual.length !== data[i].length) throw new Error(`gradient ${i}: ${actual.length} elements`);
    if (String(grad.shape) !== String(inputs[i].shape))
      throw new Error(`gradient ${i}: shape (${grad.shape})`);
    const stride = max(1, Math.ceil(actual.length / most));
    const numeric: number[] = [];
    const chosen: number[] = [];
    for (let at = 0; at < actual.length; at += stride) {
      const kept = data[i][at];
      const [far, near, back, farBack] = [2, 1, -1, -2].map((multiple) => {
        data[i][at] = kept + multiple * step;
        return evaluate();
      });
      data[i][at] = kept;
      let slope = 0;
      for (let k = 0; k < upstream.length; k++) {
        slope += upstream[k] * (8 * (near[k] - back[k]) - (far[k] - farBack[k]));
      }
      numeric.push(slope / (12 * step));
      chosen.push(actual[at]);
    }
    const largest = numeric.reduce((m, g) => max(m, abs(g)), 0);
    // expectClose measures against the largest element: stretch the tolerance where that is below the floor.
    const allowed = tolerance * (largest === 0 ? floor : max(1, floor / largest));
    expectClose(chosen, numeric, allowed, `gradient ${i} against differences`);
  }
  output.dispose();
  for (const leaf of leaves) leaf.dispose();
}

function checkError(error: unknown, code: string, mention: string | RegExp): void {
  const { code: got, message } = error as { code?: string; message?: string };
  if (got !== code) throw new Error(`expected ${code}, got ${got}: ${message}`);
  const found = typeof mention === "string" ? message?.includes(mention) : mention.test(message ?? "");
  if (!found) throw new Error(`expected the message to mention ${mention}, got: ${message}`);
}

/** Fails unless fn throws an error with this code whose message mentions something (the argument's name). */
export function expectCode(fn: () => unknown, code: string, mention: string | RegExp): void {
  try {
    fn();
  } catch (error) {
    checkError(error, code, mention);
    return;
  }
  throw new Error(`expected ${code}, nothing was thrown`);
}

/** The same for a promise, or for a function that returns one (it may also throw at once). */
export async function expectCodeAsync(
  promise: Promise<unknown> | (() => Promise<unknown>),
  code: string,
  mention: string | RegExp,
): Promise<void> {
  try {
    await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    checkError(error, code, mention);
    return;
  }
  throw new Error(`expected ${code}, nothing was thrown`);
}
