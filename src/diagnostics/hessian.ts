// The ends of the Hessian's spectrum. Products with vectors are central differences of gradients,
// Hv = (g(w + sv) - g(w - sv)) / 2s (Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994, equation 2): two passes over
// the batches each, and no operator needs a second derivative.
//
// The step s is found by trial, as in Stepleman & Winarsky, "Adaptive Numerical Differentiation" (Math. Comp. 33, 1979): the
// error of a central difference is a truncation that grows with s² and a rounding of float32 gradients that grows with 1/s.
// Along a direction of large curvature the product is computed for steps that differ by factors of 4, around
// 2^-8 · max(1, |w|) (the cube root of float32's rounding); where neighbours differ least both errors are balanced, and the
// step in the middle of the two is taken. Their relative difference is what a product is uncertain by.
import { Random } from "../tensor/random-stream.js";
import { type LanczosResult, lanczos } from "./lanczos.js";
import { diagnosticsFault, type Subject } from "./subject.js";
import { LossSurface, type SurfaceOptions } from "./surface.js";
import { addScaled, dot, norm, randomDirection, scaled } from "./vectors.js";

export interface HessianOptions extends SurfaceOptions {
  /** How many of the largest eigenvalues; default 3. */
  count?: number;
  /** The most Hessian-vector products of the Lanczos iteration; default 40. Each keeps a vector in memory. */
  iterations?: number;
  /** Residuals end the iteration below this share of the largest eigenvalue; default 1e-3. */
  tolerance?: number;
  /** Of the iteration's start; default 0. */
  seed?: number;
}

export interface HessianSpectrum {
  /** Descending; fewer than asked for where there are fewer parameters. */
  largest: number[];
  smallest: number;
  /**
   * Norms of Hv - λv for the largest and the smallest: some eigenvalue lies as near as this, but for what the products
   * are uncertain by.
   */
  residuals: { largest: number; smallest: number };
  /** The relative difference of products with neighbouring steps. */
  uncertainty: number;
  /** The step along vectors of length 1. */
  step: number;
  iterations: number;
  parameters: number;
}

/** The spectrum with the eigenvectors at its ends. */
export interface HessianEnds {
  spectrum: HessianSpectrum;
  largest: Float32Array;
  smallest: Float32Array;
}

/**
 * The largest eigenvalues of the Hessian of the mean loss over all batches, and the smallest one.
 *
 * Rejects as LossSurface.use() does, and with ERR_ARGUMENT for options out of range.
 *
 * @example
 * const { largest, smallest } = await hessianSpectrum(modelSubject({ model, examples }));
 */
export async function hessianSpectrum(
  subject: Subject,
  options: HessianOptions = {},
): Promise<HessianSpectrum> {
  checkHessianOptions(options);
  return LossSurface.use(subject, options, async (surface) => (await hessianEnds(surface, options)).spectrum);
}

export function checkHessianOptions({ count = 3, iterations = 40, tolerance = 1e-3 }: HessianOptions): void {
  for (const [name, value] of Object.entries({ count, iterations })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw diagnosticsFault(name, "a whole number from 1", value);
  }
  if (!(tolerance > 0 && tolerance < 1)) throw diagnosticsFault("tolerance", "between 0 and 1", tolerance);
}

export async function hessianEnds(surface: LossSurface, options: HessianOptions): Promise<HessianEnds> {
  const { count = 3, iterations = 40, tolerance = 1e-3, seed = 0 } = options;
  const { rest, size } = surface;
  const random = new Random(seed);
  const { step, uncertainty } = await chooseStep(surface, random);
  const apply = (vector: Float32Array) => hessianVector(surface, vector, step);
  const result = await lanczos(apply, size, { count, iterations, tolerance, random, rest });
  const top = await checkedEnd(surface, result, 0, step);
  const bottom = await checkedEnd(surface, result, result.values.length - 1, step);
  const spectrum = {
    largest: [top.value, ...result.values.slice(1, count)],
    smallest: bottom.value,
    residuals: { largest: top.residual, smallest: bottom.residual },
    ...{ uncertainty, step, iterations: result.iterations, parameters: size },
  };
  return { spectrum, largest: top.vector, smallest: bottom.vector };
}

/** The Rayleigh quotient of an eigenvector, and how far it is from being one. */
async function checkedEnd(surface: LossSurface, result: LanczosResult, index: number, step: number) {
  const { rest } = surface;
  const vector = await result.vector(index);
  const product = await hessianVector(surface, vector, step);
  const value = await dot(product, vector, rest);
  await addScaled(product, -value, vector, rest);
  return { value, vector, residual: await norm(product, rest) };
}

/** H · vector, for a vector of length 1. The parameters are where they began afterwards. */
export async function hessianVector(
  surface: LossSurface,
  vector: Float32Array,
  step: number,
): Promise<Float64Array> {
  const product = new Float64Array(surface.size);
  for (const side of [1, -1]) {
    await surface.place(vector, side * step);
    await surface.addGradient(product, side / (2 * step));
  }
  surface.restore();
  return product;
}

const STEPS = [-4, -3, -2, -1, 0, 1];
const POWER_STEPS = 2;

async function chooseStep(
  surface: LossSurface,
  random: Random,
): Promise<{ step: number; uncertainty: number }> {
  const { rest, start, size } = surface;
  const middle = 2 ** -8 * Math.max(1, await norm(start, rest));
  // Two steps of power iteration turn a random direction towards large curvature, where truncation matters most.
  let vector = await randomDirection(size, random, rest);
  for (let i = 0; i < POWER_STEPS; i++) {
    const product = await hessianVector(surface, vector, middle);
    const length = await norm(product, rest);
    if (!(length > 0)) break; // flat: any direction is as good
    vector = await scaled(product, 1 / length, rest);
  }
  let best = { step: middle, uncertainty: Number.POSITIVE_INFINITY };
  let before: Float64Array | undefined;
  for (const power of STEPS) {
    const step = middle * 4 ** power;
    const product = await hessianVector(surface, vector, step);
    const length = await norm(product, rest);
    if (before && length > 0) {
      await addScaled(before, -1, product, rest);
      const uncertainty = (await norm(before, rest)) / length;
      if (uncertainty < best.uncertainty) best = { step: step / 2, uncertainty };
    }
    before = product;
  }
  return best;
}
