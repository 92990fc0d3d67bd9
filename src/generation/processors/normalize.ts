// Scores made proper again.
import type { LogitsProcessor } from "./processor.js";
import { forbidden } from "./processor.js";

const largest = 3.4028234663852886e38; // of f32

/** `InfNanRemoveLogitsProcessor` */
export class RemoveInvalid implements LogitsProcessor {
  process(scores: Float32Array): void {
    scores.forEach((score, id) => {
      if (Number.isNaN(score)) scores[id] = 0;
      else if (!Number.isFinite(score)) scores[id] = score > 0 ? largest : -largest;
    });
  }
}

/** log(sum exp), in f64; -Infinity where all are forbidden. */
export function logSumExp(scores: Float32Array): number {
  let most = forbidden;
  for (const score of scores) if (score > most) most = score;
  if (most === forbidden) return forbidden;
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum);
}

/** `LogitNormalization`, and what beams start from: log-probabilities. */
export class LogSoftmax implements LogitsProcessor {
  process(scores: Float32Array): void {
    const sum = logSumExp(scores);
    if (sum === forbidden) return;
    for (let id = 0; id < scores.length; id++) scores[id] -= sum;
  }
}
