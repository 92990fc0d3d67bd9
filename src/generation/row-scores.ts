// The scores of the next token of one hypothesis, on the host, and the choices made from them. Equal scores go by the
// smaller token, and by the earlier hypothesis before that.
import type { Random } from "../tensor/random-stream.js";
import { logSumExp } from "./processors/normalize.js";

const forbidden = Number.NEGATIVE_INFINITY;

/** All of them, or the best ones when nobody asks for more. */
export interface RowScores {
  /** Token of each score; none: the score's place is its token. */
  ids?: Int32Array;
  scores: Float32Array;
  /** log(sum exp) over all tokens, where `scores` has only some; computed from them otherwise. */
  logSum?: number;
}

export interface Candidate {
  /** Number of the hypothesis among those of its source. */
  parent: number;
  token: number;
  /** What was added for this token. */
  tokenScore: number;
  /** f32, of the whole hypothesis. */
  score: number;
}

function logSumOf({ scores, logSum }: RowScores): number {
  return logSum ?? logSumExp(scores);
}

/** The token with the highest score; undefined when all are forbidden. */
export function best(row: RowScores): { token: number; logProbability: number } | undefined {
  const { ids, scores } = row;
  let at = -1;
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > (at < 0 ? forbidden : scores[at])) at = i;
  }
  if (at < 0) return undefined;
  return { token: ids ? ids[at] : at, logProbability: scores[at] - logSumOf(row) };
}

/** Places of the scores, by ascending token. */
function byToken({ ids, scores }: RowScores): Uint32Array {
  const places = Uint32Array.from(scores, (_, i) => i);
  return ids ? places.sort((a, b) => ids[a] - ids[b]) : places;
}

/** A token drawn with the probabilities that the scores stand for; undefined when all are forbidden. */
export function draw(row: RowScores, random: Random): { token: number; logProbability: number } | undefined {
  const { ids, scores } = row;
  const logSum = logSumExp(scores);
  if (!(logSum > forbidden)) return undefined;
  const order = byToken(row);
  // 53 bits: with 32 alone, the unlikeliest of 50,000 tokens would have coarse chances.
  const u = (random.word() * 2 ** 21 + (random.word() >>> 11)) / 2 ** 53;
  let sum = 0;
  let chosen = -1;
  for (const i of order) {
    if (scores[i] === forbidden) continue;
    chosen = i; // the last one, should rounding leave the sum below u
    sum += Math.exp(scores[i] - logSum);
    if (u < sum) break;
  }
  return { token: ids ? ids[chosen] : chosen, logProbability: scores[chosen] - logSumOf(row) };
}

/** Keeps the k best of what is added, in order; of equal ones the earlier. */
class Best {
  readonly list: Candidate[] = [];
  least = forbidden;

  constructor(private readonly k: number) {}

  add(candidate: Candidate): void {
    const { list, k } = this;
    let at = list.length;
    while (at > 0 && list[at - 1].score < candidate.score) at--;
    list.splice(at, 0, candidate);
    if (list.length > k) list.pop();
    if (list.length === k) this.least = list[k - 1].score;
  }
}

/** The k best continuations of all hypotheses together, best first; forbidden ones never. */
export function topCandidates(rows: readonly RowScores[], totals: readonly number[], k: number): Candidate[] {
  const found = new Best(k);
  rows.forEach(({ ids, scores }, parent) => {
    const total = totals[parent];
    const add = (i: number) => {
      const score = Math.fround(scores[i] + total);
      if (score > found.least) found.add({ parent, token: ids ? ids[i] : i, tokenScore: scores[i], score });
    };
    if (ids) for (const i of byToken({ ids, scores })) add(i);
    else for (let i = 0; i < scores.length; i++) add(i);
  });
  return found.list;
}

/** k different continuations, drawn one after another by their probabilities, in the order drawn. */
export function drawCandidates(
  rows: readonly RowScores[],
  totals: readonly number[],
  k: number,
  random: Random,
): Candidate[] {
  const all: Candidate[] = [];
  rows.forEach((row, parent) => {
    for (const i of byToken(row)) {
      const tokenScore = row.scores[i];
      const score = Math.fround(tokenScore + totals[parent]);
      if (score > forbidden) all.push({ parent, token: row.ids ? row.ids[i] : i, tokenScore, score });
    }
  });
  const most = all.reduce((largest, { score }) => Math.max(largest, score), forbidden);
  const weights = Float64Array.from(all, ({ score }) => Math.exp(score - most));
  const drawn: Candidate[] = [];
  let rest = weights.reduce((sum, weight) => sum + weight, 0);
  while (drawn.length < Math.min(k, all.length)) {
    const u = random.uniform() * rest;
    let sum = 0;
    let chosen = -1;
    for (let i = 0; i < all.length; i++) {
      if (weights[i] === 0) continue;
      chosen = i;
      sum += weights[i];
      if (u < sum) break;
    }
    if (chosen < 0) break; // what is left has no probability in f64
    drawn.push(all[chosen]);
    rest -= weights[chosen];
    weights[chosen] = 0;
  }
  return drawn;
}
