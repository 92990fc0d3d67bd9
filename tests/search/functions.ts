// Functions whose minima are known, and the spaces to search them in.
import type { Parameters, SearchSpace } from "../../src/search/index.js";

/** Branin (Dixon & Szegö 1978): three minima of 0.397887. */
export function branin({ x, y }: Parameters): number {
  const [a, b] = [x as number, y as number];
  const valley = b - (5.1 / (4 * Math.PI ** 2)) * a * a + (5 / Math.PI) * a - 6;
  return valley * valley + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(a) + 10;
}

export const braninSpace: SearchSpace = {
  x: { type: "uniform", low: -5, high: 10 },
  y: { type: "uniform", low: 0, high: 15 },
};

/** The squared distance from a point, in orders of magnitude, over six parameters: 0 at the point. */
export function logSphere(parameters: Parameters): number {
  return Object.values(parameters).reduce<number>((sum, value, i) => {
    return sum + (Math.log10(value as number) - (0.4 * i - 4)) ** 2;
  }, 0);
}

export const logSphereSpace: SearchSpace = Object.fromEntries(
  Array.from({ length: 6 }, (_, i) => [`p${i}`, { type: "logUniform", low: 1e-6, high: 1 } as const]),
);
