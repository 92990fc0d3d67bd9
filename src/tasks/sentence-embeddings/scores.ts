// How good sentence embeddings are: correlation with scores, or retrieval of each anchor's positive.
import { hitRateAtK, meanReciprocalRank, recallAtK } from "../../metrics/index.js";
import { correlations } from "../text-classification/scores.js";

/** The prediction for one row. */
export interface SentenceEmbedding {
  /** Of the first sentence. */
  embedding: Float32Array;
  /** Of the others, where the row has some. */
  others?: Float32Array[];
  /** Cosine of the first two. */
  similarity?: number;
}

/** A row as retrieval sees it. */
export interface RetrievalRow {
  /** Anchor, positive, negatives. */
  texts: readonly string[];
  embeddings: readonly Float32Array[];
  /** Positives of one group answer each other's anchors. */
  group?: number;
}

// Places that are looked at.
const DEEPEST = 10;

/** Spearman's and Pearson's correlation of cosines with scores; none for fewer than two rows, or equal ones. */
export function scoreMetrics(
  predicted: readonly SentenceEmbedding[],
  scores: readonly number[],
): Record<string, number> {
  return correlations(
    predicted.map(({ similarity = 0 }) => similarity),
    scores,
  );
}

/**
 * Each anchor looks among all different positives and negatives for its own positive, or any of its group. Its own text
 * is not among what it may find. Anchors that have nothing to find are left out.
 */
export function retrievalMetrics(rows: readonly RetrievalRow[]): Record<string, number> {
  const corpus = corpusOf(rows);
  const ranked: number[][] = [];
  const relevant: number[][] = [];
  rows.forEach(({ texts: [anchor, positive], embeddings: [vector], group }) => {
    const own = corpus.places.get(anchor);
    const wanted = new Set(group === undefined ? [] : corpus.groups.get(group));
    wanted.add(corpus.places.get(positive)!);
    if (own !== undefined) wanted.delete(own);
    if (wanted.size === 0) return;
    ranked.push(nearest(unit(vector), corpus.vectors, own));
    relevant.push([...wanted]);
  });
  if (ranked.length === 0) return {};
  return {
    accuracyAt1: hitRateAtK(ranked, relevant, 1),
    ...Object.fromEntries([1, 5, 10].map((k) => [`recallAt${k}`, recallAtK(ranked, relevant, k)])),
    mrrAt10: meanReciprocalRank(ranked, relevant, DEEPEST),
  };
}

interface Corpus {
  vectors: Float32Array[];
  places: Map<string, number>;
  groups: Map<number, Set<number>>;
}

function corpusOf(rows: readonly RetrievalRow[]): Corpus {
  const corpus: Corpus = { vectors: [], places: new Map(), groups: new Map() };
  for (const { texts, embeddings, group } of rows) {
    texts.slice(1).forEach((text, i) => {
      let place = corpus.places.get(text);
      if (place === undefined) {
        place = corpus.vectors.push(unit(embeddings[i + 1])) - 1;
        corpus.places.set(text, place);
      }
      if (i > 0 || group === undefined) return;
      if (!corpus.groups.has(group)) corpus.groups.set(group, new Set());
      corpus.groups.get(group)!.add(place);
    });
  }
  return corpus;
}

/** Of length one: a thousand rows make a million cosines, which are then plain products. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.max(Math.hypot(...vector), 1e-12);
  return vector.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The places of the most alike, best first. */
function nearest(
  vector: Float32Array,
  vectors: readonly Float32Array[],
  without: number | undefined,
): number[] {
  const scores = vectors.map((other) => dot(vector, other));
  if (without !== undefined) scores[without] = Number.NEGATIVE_INFINITY;
  const best: number[] = [];
  scores.forEach((score, place) => {
    if (place === without || (best.length === DEEPEST && score <= scores[best[DEEPEST - 1]])) return;
    let at = best.length;
    while (at > 0 && scores[best[at - 1]] < score) at--;
    best.splice(at, 0, place);
    best.length = Math.min(best.length, DEEPEST);
  });
  return best;
}
