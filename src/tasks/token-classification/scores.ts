// Metrics of tagged words: entities by seqeval, or the share of right tags.
import { seqeval } from "../../metrics/seqeval.js";
import { NOT_COUNTED } from "./sentences.js";

/** "seqeval": entities. "accuracy": tags alone. */
export type TagMetric = "seqeval" | "accuracy";

/** A sentence's tags: predicted (null: the model did not see the word), and true ones as ids. */
export interface TaggedSentence {
  predicted: readonly (string | null)[];
  actual: ArrayLike<number>;
}

/**
 * `precision`, `recall`, `f1` (entities, pooled) and `accuracy` (tags), and `PER_precision`, ... for each kind, as
 * Transformers' run_ner.py has them; or `accuracy` alone. Words without a prediction count as "O", or not at all.
 * No number at all where no word counts.
 */
export function tagScores(
  sentences: readonly TaggedSentence[],
  names: readonly string[],
  metric: TagMetric,
  missing: "count" | "skip",
): Record<string, number> {
  const predicted: string[][] = [];
  const actual: string[][] = [];
  for (const sentence of sentences) {
    const counted = sentence.predicted
      .map((_, word) => word)
      .filter((word) => sentence.actual[word] !== NOT_COUNTED)
      .filter((word) => missing === "count" || sentence.predicted[word] !== null);
    actual.push(counted.map((word) => names[sentence.actual[word]]));
    predicted.push(counted.map((word) => sentence.predicted[word] ?? "O"));
  }
  if (actual.every((tags) => tags.length === 0)) return {};
  if (metric === "accuracy") return { accuracy: accuracyOf(predicted, actual) };
  const { micro, types, accuracy } = seqeval(predicted, actual);
  const { precision, recall, f1 } = micro;
  const each = Object.entries(types).flatMap(([type, score]) => [
    [`${type}_precision`, score.precision],
    [`${type}_recall`, score.recall],
    [`${type}_f1`, score.f1],
  ]);
  return { precision, recall, f1, accuracy, ...Object.fromEntries(each) };
}

function accuracyOf(predicted: readonly string[][], actual: readonly string[][]): number {
  let equal = 0;
  let total = 0;
  actual.forEach((tags, i) => {
    total += tags.length;
    equal += tags.filter((tag, word) => tag === predicted[i][word]).length;
  });
  return equal / total;
}
