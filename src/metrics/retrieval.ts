// Metrics of retrieval over ranked lists, equal to InformationRetrievalEvaluator of Sentence-Transformers 6.0: what was
// found comes best first, and is relevant or not.

import { checkInteger, checkSameLength, refuse } from "./check.js";

/** What names a document: its number, or a text. */
export type DocumentId = string | number;
type Lists = readonly (readonly DocumentId[])[];

/**
 * The mean share of a query's relevant documents that are among its first k. ERR_ARGUMENT, as for all of these: no
 * queries, lists of different lengths, a query without relevant documents, or k below 1.
 *
 * @example
 * recallAtK([["a", "b"], ["c", "d"]], [["b"], ["d"]], 1); // 0
 */
export function recallAtK(ranked: Lists, relevant: Lists, k: number): number {
  return meanOver("recallAtK", ranked, relevant, k, (hits, total) => count(hits) / total);
}

/** The mean share of a query's first k places that hold relevant documents; a list shorter than k has empty places. */
export function precisionAtK(ranked: Lists, relevant: Lists, k: number): number {
  return meanOver("precisionAtK", ranked, relevant, k, (hits) => count(hits) / k);
}

/** The share of queries with a relevant document among the first k; "accuracy@k" of the reference. */
export function hitRateAtK(ranked: Lists, relevant: Lists, k: number): number {
  return meanOver("hitRateAtK", ranked, relevant, k, (hits) => (hits.includes(true) ? 1 : 0));
}

/**
 * The mean of 1 / place of the first relevant document, 0 where there is none among the first k (default: all); MRR
 * (Voorhees 1999).
 *
 * @example
 * meanReciprocalRank([["a", "b"], ["c", "d"]], [["b"], ["c"]]); // 0.75
 */
export function meanReciprocalRank(ranked: Lists, relevant: Lists, k = Number.MAX_SAFE_INTEGER): number {
  return meanOver("meanReciprocalRank", ranked, relevant, k, (hits) => {
    const place = hits.indexOf(true);
    return place < 0 ? 0 : 1 / (place + 1);
  });
}

/** The mean of the precisions at each relevant document's place, over min(k, relevant documents); MAP@k. */
export function meanAveragePrecision(ranked: Lists, relevant: Lists, k = Number.MAX_SAFE_INTEGER): number {
  return meanOver("meanAveragePrecision", ranked, relevant, k, (hits, total) => {
    let found = 0;
    const sum = hits.reduce((partial, hit, place) => (hit ? partial + ++found / (place + 1) : partial), 0);
    return sum / Math.min(k, total);
  });
}

/** Discounted gain of the first k over the best there could be (Järvelin & Kekäläinen 2002), with gains of 0 and 1. */
export function ndcgAtK(ranked: Lists, relevant: Lists, k: number): number {
  const gain = (places: readonly boolean[]) =>
    places.reduce((sum, hit, place) => (hit ? sum + 1 / Math.log2(place + 2) : sum), 0);
  return meanOver("ndcgAtK", ranked, relevant, k, (hits, total) => {
    return gain(hits) / gain(new Array<boolean>(Math.min(k, total)).fill(true));
  });
}

const count = (hits: readonly boolean[]) => hits.filter(Boolean).length;

/** @param score of one query: whether each of its first k is relevant, and how many relevant documents there are */
function meanOver(
  who: string,
  ranked: Lists,
  relevant: Lists,
  k: number,
  score: (hits: boolean[], total: number) => number,
): number {
  if (!Array.isArray(ranked) || ranked.length === 0)
    refuse(who, "ranked must hold at least one list", ranked);
  checkSameLength(who, "relevant", ranked.length, relevant.length);
  checkInteger(who, "k", k, 1, Number.MAX_SAFE_INTEGER);
  let sum = 0;
  ranked.forEach((list, query) => {
    const wanted = new Set(relevant[query]);
    if (wanted.size === 0) refuse(who, `relevant[${query}] must hold at least one document`, relevant[query]);
    if (new Set(list).size !== list.length)
      refuse(who, `ranked[${query}] must name each document once`, list);
    sum += score(
      list.slice(0, k).map((document: DocumentId) => wanted.has(document)),
      wanted.size,
    );
  });
  return sum / ranked.length;
}
