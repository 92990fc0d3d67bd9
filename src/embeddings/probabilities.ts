// Logits to probabilities, as plain numbers.

/** exp(x) / Σ exp(x), computed from x less its largest. */
export function softmax(logits: Float32Array): Float32Array {
  const most = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
