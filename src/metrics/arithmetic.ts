// The number types in which the reference computes a score, which show in the last digits of a resampled one.

/**
 * The arithmetic of a score: how each operation rounds, and what storing into the summed statistics does. The
 * reference computes in Python floats, but in NumPy's float32 or int64 within its resampling tests.
 */
export interface Arithmetic {
  round(value: number): number;
  store(value: number): number;
}

export const PYTHON_FLOATS: Arithmetic = { round: (x) => x, store: (x) => x };
export const NUMPY_FLOAT32: Arithmetic = { round: Math.fround, store: Math.fround };
export const NUMPY_INT64: Arithmetic = { round: (x) => x, store: Math.trunc };
