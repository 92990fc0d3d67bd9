// Scores of classes, as every task with classes needs them.

/** The id of the largest score, the first of equal ones. */
export function bestOf(scores: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id] > scores[best]) best = id;
  return best;
}

/** Probabilities of one row of logits. */
export function softmax(values: Float32Array): Float32Array {
  const largest = values[bestOf(values)];
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
