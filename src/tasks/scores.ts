// From the numbers of a model to probabilities.

/** The place of the largest number, the first of equal ones. */
export function bestOf(scores: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id] > scores[best]) best = id;
  return best;
}

/** Probabilities of classes of which one holds. */
export function softmax(values: Float32Array): Float32Array {
  const largest = values[bestOf(values)];
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Probabilities of classes of which any number holds. */
export function sigmoid(values: Float32Array): Float32Array {
  return values.map((value) => 1 / (1 + Math.exp(-value)));
}
