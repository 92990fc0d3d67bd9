// Seeded data for tests and benchmarks: the same numbers on every machine.

// Jest runs tests in a context where every look-up of a global is slow; a constant of the module is not.
const { cos, imul, log, PI, sqrt } = Math;

/** A generator of uniform numbers in [0, 1): mulberry32. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = imul(state ^ (state >>> 15), state | 1);
    t = (t + imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Number of elements of a shape; 1 for a scalar. */
export function countOf(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Normal numbers with standard deviation `scale` (Box-Muller over `uniform`). */
export function randomData(shape: number[], seed: number, scale = 1): Float32Array {
  const next = uniform(seed);
  const data = new Float32Array(countOf(shape));
  for (let i = 0; i < data.length; i++) {
    data[i] = scale * sqrt(-2 * log(1 - next())) * cos(2 * PI * next());
  }
  return data;
}

/** Integers in [least, below). */
export function randomIntegers(shape: number[], seed: number, least: number, below: number): Int32Array {
  const next = uniform(seed);
  return Int32Array.from({ length: countOf(shape) }, () => least + Math.floor(next() * (below - least)));
}
