// Extreme eigenvalues of a symmetric operator that is known only by its products with vectors: Lanczos iteration with full
// reorthogonalisation (Golub & Van Loan, "Matrix Computations", section 10.3.5), twice at each step, as products by finite
// differences are noisy.
import type { Random } from "../tensor/random-stream.js";
import type { Rest } from "../training/rest.js";
import { type Eigen, symmetricEigen } from "./eigen.js";
import { addScaled, dot, norm, randomDirection, scaled } from "./vectors.js";

export interface LanczosOptions {
  /** How many of the largest are wanted. */
  count: number;
  /** The most products. */
  iterations: number;
  /** Ends when the residuals of those wanted are below this share of the largest magnitude. */
  tolerance: number;
  random: Random;
  rest: Rest;
}

export interface LanczosResult {
  /** Descending: approximations of the operator's, best at both ends. */
  values: number[];
  /** Estimates of the residuals' norms, for each value. */
  residuals: number[];
  /** The eigenvector to a value, of length 1. */
  vector(index: number): Promise<Float32Array>;
  iterations: number;
}

/** A product of the operator with a vector of length 1, which is the caller's to change. */
export type Operator = (vector: Float32Array) => Promise<Float64Array>;

/**
 * The eigenvalues seen from a random start. Of equal eigenvalues one is found. Memory: one vector for each iteration.
 */
export async function lanczos(
  apply: Operator,
  size: number,
  options: LanczosOptions,
): Promise<LanczosResult> {
  const { count, iterations, tolerance, random, rest } = options;
  const basis: Float32Array[] = [await randomDirection(size, random, rest)];
  const diagonal: number[] = [];
  const beside: number[] = [];
  for (;;) {
    const k = diagonal.length;
    const product = await apply(basis[k]);
    diagonal.push(await dot(product, basis[k], rest));
    for (let pass = 0; pass < 2; pass++) {
      for (const vector of basis) await addScaled(product, -(await dot(product, vector, rest)), vector, rest);
    }
    const beta = await norm(product, rest);
    const eigen = await symmetricEigen(tridiagonal(diagonal, beside), rest);
    const residuals = eigen.vectors.map((vector) => beta * Math.abs(vector[k]));
    const scale = Math.max(...eigen.values.map(Math.abs));
    const wanted = [...residuals.slice(0, count), residuals[residuals.length - 1]];
    const converged = k + 1 > count && wanted.every((residual) => residual <= tolerance * scale);
    // A remainder of nothing: the space that the start reaches is exhausted.
    if (converged || k + 1 >= Math.min(iterations, size) || beta <= 1e-12 * scale) {
      return { values: eigen.values, residuals, iterations: k + 1, vector: ritzVector(basis, eigen, rest) };
    }
    beside.push(beta);
    basis.push(await scaled(product, 1 / beta, rest));
  }
}

function tridiagonal(diagonal: readonly number[], beside: readonly number[]): number[][] {
  return diagonal.map((value, i) =>
    diagonal.map((_, j) => {
      if (i === j) return value;
      return Math.abs(i - j) === 1 ? beside[Math.min(i, j)] : 0;
    }),
  );
}

function ritzVector(basis: readonly Float32Array[], { vectors }: Eigen, rest: Rest) {
  return async (index: number): Promise<Float32Array> => {
    const sum = new Float64Array(basis[0].length);
    for (const [i, factor] of vectors[index].entries()) await addScaled(sum, factor, basis[i], rest);
    return scaled(sum, 1 / (await norm(sum, rest)), rest);
  };
}
