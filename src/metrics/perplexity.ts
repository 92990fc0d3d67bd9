// Perplexity of a language model.

import { refuse } from "./check.js";

/**
 * Perplexity from the mean negative log-likelihood per token, in nats: `exp(meanLoss)`, from 1 for a certain model
 * upwards. The mean must run over all tokens that were predicted: a mean of batch means is another number when
 * batches differ in size. ERR_ARGUMENT for what is not a number.
 *
 * @example
 * perplexity(Math.log(50)); // 50
 */
export function perplexity(meanLoss: number): number {
  if (typeof meanLoss !== "number" || Number.isNaN(meanLoss)) {
    refuse("perplexity", "meanLoss must be a number", meanLoss);
  }
  return Math.exp(meanLoss);
}
