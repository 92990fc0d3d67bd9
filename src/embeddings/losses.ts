// Losses of sentence embeddings. An example's sentences are its `choices`: (anchor, positive, negatives...) for
// multipleNegativesRankingLoss, two with a score as `labels` for cosineSimilarityLoss.
import { AthanorError } from "../errors.js";
import type { Batch, BatchLabels, Example } from "../models/batch.js";
import { collected, integerLabels, noLabels } from "../models/batch.js";
import { mul, where } from "../tensor/ops/elementwise.js";
import { matmul } from "../tensor/ops/linear.js";
import { crossEntropy, mse } from "../tensor/ops/loss.js";
import { l2Normalize, sum } from "../tensor/ops/reduce.js";
import { gatherRows } from "../tensor/ops/shape.js";
import { type Tensor, tensor } from "../tensor/tensor.js";

/** What a sentence model is trained by; users may bring their own. */
export interface SentenceLoss {
  readonly name: string;
  /** What it needs beside the sentences. Without labels (`lossCount` 0) there is no loss. */
  collate(examples: readonly Example[], device: string): BatchLabels;
  /**
   * @param embeddings (S, D): the sentences of the examples, one after another
   * @returns a scalar
   */
  forward(embeddings: Tensor, batch: Batch): Tensor;
}

export interface RankingLossOptions {
  /** What cosines are multiplied with before the softmax; default 20. */
  scale?: number;
}

// What an excluded candidate scores: far below any scaled cosine, and finite.
const EXCLUDED = -1e9;

/**
 * In-batch negatives (Henderson et al. 2017, arXiv:1705.00652, section 4.4), as MultipleNegativesRankingLoss of
 * Sentence-Transformers: each anchor is to find its positive among the positives of the whole batch and all negatives; cross
 * entropy of scaled cosines. Where examples have a number as `labels`, positives with the same one are no negatives of
 * each other.
 *
 * @throws ERR_ARGUMENT for a scale that is not above 0
 * @example
 * model.useLoss(multipleNegativesRankingLoss({ scale: 20 }));
 */
export function multipleNegativesRankingLoss({ scale = 20 }: RankingLossOptions = {}): SentenceLoss {
  if (!(scale > 0 && Number.isFinite(scale))) {
    const needed = "scale must be a number above 0";
    throw new AthanorError("ERR_ARGUMENT", `multipleNegativesRankingLoss: ${needed}, got ${scale}`);
  }
  return {
    name: "multipleNegativesRanking",
    collate: collateRanking,
    forward(embeddings, { extra }) {
      const rows = l2Normalize(embeddings); // (S, D)
      const anchors = gatherRows(rows, extra.anchorRows); // (N, D)
      const candidates = gatherRows(rows, extra.candidateRows); // (M, D)
      const scores = mul(matmul(anchors, candidates, { transposeB: true }), scale); // (N, M)
      const counted = extra.excluded ? where(extra.excluded, EXCLUDED, scores) : scores;
      return crossEntropy(counted, extra.labels);
    },
  };
}

function collateRanking(examples: readonly Example[], device: string): BatchLabels {
  const anchors: number[] = [];
  const positives: number[] = [];
  const negatives: number[] = [];
  let next = 0;
  examples.forEach(({ choices = [] }, b) => {
    if (choices.length < 2) {
      const needed = `example ${b} must have an anchor and a positive`;
      throw new AthanorError("ERR_ARGUMENT", `collate: ${needed}, got ${choices.length} sentences`);
    }
    anchors.push(next);
    positives.push(next + 1);
    for (let i = 2; i < choices.length; i++) negatives.push(next + i);
    next += choices.length;
  });
  const groups = collected(examples, "labels", ({ labels }) => labels as number | undefined);
  const candidates = [...positives, ...negatives];
  const own = examples.map((_, b) => b);
  return {
    tensors: {
      anchorRows: integerLabels(anchors, "anchors", device),
      candidateRows: integerLabels(candidates, "candidates", device),
      labels: integerLabels(own, "labels", device),
      ...(groups && { excluded: excludedPairs(groups, candidates.length, device) }),
    },
    lossCount: examples.length,
  };
}

/** u8 (N, M): ones where a candidate is another positive of the anchor's group. */
function excludedPairs(groups: readonly number[], candidates: number, device: string): Tensor {
  const bits = new Uint8Array(groups.length * candidates);
  groups.forEach((group, i) => {
    groups.forEach((other, j) => {
      if (i !== j && group === other) bits[i * candidates + j] = 1;
    });
  });
  return tensor(bits, [groups.length, candidates], { device: device as "cpu" });
}

/**
 * The mean squared difference between the cosine of two sentences and their score, as CosineSimilarityLoss of
 * Sentence-Transformers (Reimers & Gurevych 2019, arXiv:1908.10084, section 3.1, "regression objective function").
 *
 * @example
 * model.useLoss(cosineSimilarityLoss());
 */
export function cosineSimilarityLoss(): SentenceLoss {
  return {
    name: "cosineSimilarity",
    collate(examples, device) {
      const scores = collected(examples, "labels", ({ labels }) => labels as number | undefined);
      if (!scores) return noLabels;
      const odd = examples.findIndex(({ choices = [] }) => choices.length !== 2);
      if (odd >= 0) {
        const came = examples[odd].choices?.length ?? 0;
        throw new AthanorError(
          "ERR_ARGUMENT",
          `collate: example ${odd} must have two sentences, got ${came}`,
        );
      }
      const rows = (first: number) => examples.map((_, b) => 2 * b + first);
      const labels = tensor(Float32Array.from(scores), [scores.length], { device: device as "cpu" });
      const [firstOnes, secondOnes] = [0, 1].map((first) => integerLabels(rows(first), "sentences", device));
      return { tensors: { firstOnes, secondOnes, labels }, lossCount: examples.length };
    },
    forward(embeddings, { extra }) {
      const rows = l2Normalize(embeddings); // (2 N, D)
      const products = mul(gatherRows(rows, extra.firstOnes), gatherRows(rows, extra.secondOnes)); // (N, D)
      return mse(sum(products, { dim: 1 }), extra.labels);
    },
  };
}
