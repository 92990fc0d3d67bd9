// What a language model's logits say about labelled tokens: how many are right, and what fills a mask.
import type { Example } from "../../models/batch.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import { idsOf, type OutputValues } from "../../training/task.js";
import { largestPlaces } from "../largest-places.js";

/** A token that may stand in for a mask. */
export interface MaskCandidate {
  token: string;
  tokenId: number;
  /** Its probability. */
  score: number;
  /** The text with it. */
  sequence: string;
}

/** A mask token of a text, with the best tokens for it, best first. */
export interface FilledMask {
  /** The number of its token. */
  position: number;
  candidates: MaskCandidate[];
}

/** One row of logits for each labelled token of the examples, in their order. */
export function labelledRows(
  { labelLogits, logits }: Record<string, OutputValues>,
  examples: readonly Example[],
): Float32Array[][] {
  const { data, shape } = labelLogits ?? logits;
  const width = shape[shape.length - 1];
  let row = 0;
  return examples.map(({ labels }) => {
    const rows: Float32Array[] = [];
    for (const label of Array.from(labels as ArrayLike<number>)) {
      const counted = label !== -100;
      if (counted) rows.push(data.subarray(row * width, (row + 1) * width));
      // Without a row for each label alone, there is one for every token.
      if (counted || !labelLogits) row++;
    }
    return rows;
  });
}

/** How many labelled tokens an example has, and for how many the right one is the most probable. */
export function rightLabels(
  rows: readonly Float32Array[],
  { labels }: Example,
): { right: number; counted: number } {
  const wanted = Array.from(labels as ArrayLike<number>).filter((label) => label !== -100);
  const right = rows.filter((row, i) => largestPlace(row) === wanted[i]).length;
  return { right, counted: wanted.length };
}

function largestPlace(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The best tokens for the masks of an example. */
export function filledMasks(
  rows: readonly Float32Array[],
  example: Example,
  tokenizer: Tokenizer,
  specialTokensMask: ArrayLike<number>,
  topK: number,
): FilledMask[] {
  const ids = Array.from(idsOf(example));
  const positions = ids.flatMap((_, i) => ((example.labels as ArrayLike<number>)[i] === -100 ? [] : [i]));
  return positions.map((position, k) => ({
    position,
    candidates: bestTokens(rows[k], topK).map(({ tokenId, score }) => {
      const filled = ids.flatMap((id, i) => (i === position ? [tokenId] : specialTokensMask[i] ? [] : [id]));
      return {
        token: tokenizer.idToToken(tokenId) ?? "",
        tokenId,
        score,
        sequence: tokenizer.decode(filled),
      };
    }),
  }));
}

/** The most probable ids of a row of logits, with their probabilities. */
function bestTokens(logits: Float32Array, count: number): { tokenId: number; score: number }[] {
  const largest = logits[largestPlace(logits)];
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largestPlaces(logits, count).map((tokenId) => ({
    tokenId,
    score: Math.exp(logits[tokenId] - largest) / sum,
  }));
}
