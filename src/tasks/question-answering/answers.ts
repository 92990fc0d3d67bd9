// Answers out of logits: the best spans of every window, then the best of all windows of a question, as
// postprocess_qa_predictions of Transformers' utils_qa.py finds them. Scores are sums of two logits in float32, as
// there: in float64 near ties would fall the other way.
import { largestPlaces } from "../largest-places.js";
import type { Window } from "./windows.js";

/** Which windows' null score counts for a question. */
export type NullScore = "min" | "max" | "last";

/** An answer that was considered. */
export interface AnswerCandidate {
  /** "" where the answer is that there is none. */
  text: string;
  /** Range in the context, in UTF-16 units: `context.slice(start, end)` is the text. */
  start: number;
  end: number;
  /** Probability among the candidates: 0 to 1, together 1. */
  score: number;
  startLogit: number;
  endLogit: number;
}

/** The answer to one question. */
export interface QuestionAnswer extends Omit<AnswerCandidate, "startLogit" | "endLogit"> {
  id: string;
  /** The best answers, best first; with `version: 2` the empty one is among them. */
  candidates: AnswerCandidate[];
  /** With `version: 2`: logits of "no answer" less those of the best answer; above `nullThreshold` there is none. */
  nullDifference?: number;
}

/** A span of a context. */
interface Span {
  start: number;
  end: number;
  score: number;
  startLogit: number;
  endLogit: number;
}

/** What a window says: its best spans, best first, and the score of "no answer". */
export interface WindowAnswers {
  spans: Span[];
  none: Span;
}

export interface SpanOptions {
  /** Starts and ends looked at in each window, and answers kept of each question. */
  nBest: number;
  /** Most tokens of an answer. */
  maxAnswerLength: number;
}

/** The best spans of a window. @param starts, ends one logit per token */
export function windowAnswers(
  starts: Float32Array,
  ends: Float32Array,
  { offsets = new Int32Array(0), nullPosition }: Window,
  { nBest, maxAnswerLength }: SpanOptions,
): WindowAnswers {
  const spans: Span[] = [];
  const bestEnds = largestPlaces(ends, nBest);
  for (const first of largestPlaces(starts, nBest)) {
    if (!(offsets[2 * first] >= 0)) continue;
    for (const last of bestEnds) {
      if (!(offsets[2 * last] >= 0) || last < first || last - first + 1 > maxAnswerLength) continue;
      spans.push(span(offsets[2 * first], offsets[2 * last + 1], starts[first], ends[last]));
    }
  }
  const none = span(0, 0, starts[nullPosition], ends[nullPosition]);
  // Of no window can more than nBest be among the best of all.
  return { spans: spans.sort(byScore).slice(0, nBest), none };
}

function span(start: number, end: number, startLogit: number, endLogit: number): Span {
  return { start, end, score: Math.fround(startLogit + endLogit), startLogit, endLogit };
}

// Sorting is stable: of equal spans the one of the earlier window and the better start stays before.
function byScore(a: Span, b: Span): number {
  return b.score - a.score;
}

export interface JoinOptions {
  nBest: number;
  version: 1 | 2;
  nullScore: NullScore;
  nullThreshold: number;
}

/** The answer to a question out of all its windows. */
export function joinedAnswer(
  id: string,
  context: string,
  windows: readonly WindowAnswers[],
  options: JoinOptions,
): QuestionAnswer {
  const { nBest, version, nullScore, nullThreshold } = options;
  const all = windows.flatMap(({ spans }) => spans);
  const none = version === 2 ? nullOf(windows, nullScore) : undefined;
  if (none) all.push(none);
  const best = all.sort(byScore).slice(0, nBest);
  if (none && !best.includes(none)) best.push(none);
  const scores = probabilities(best);
  const candidates = best.map(({ start, end, startLogit, endLogit }, i) => ({
    ...{ text: context.slice(start, end), start, end, score: scores[i], startLogit, endLogit },
  }));
  const found = candidates.findIndex(({ text }) => text !== "");
  const answered = candidates[found];
  if (!none) return { id, ...chosen(answered), candidates };
  // No span was possible: nothing is left but to abstain. (The reference answers "empty" then.)
  const nullDifference = answered ? differenceOf(none, answered) : Number.POSITIVE_INFINITY;
  const abstains = nullDifference > nullThreshold;
  const empty = candidates[best.indexOf(none)];
  return { id, ...chosen(abstains ? empty : answered), candidates, nullDifference };
}

/** In float32, as the scores. */
function differenceOf(none: Span, { startLogit, endLogit }: AnswerCandidate): number {
  return Math.fround(Math.fround(none.score - startLogit) - endLogit);
}

function chosen(candidate: AnswerCandidate | undefined): Omit<AnswerCandidate, "startLogit" | "endLogit"> {
  if (!candidate) return { text: "", start: 0, end: 0, score: 0 };
  const { text, start, end, score } = candidate;
  return { text, start, end, score };
}

/**
 * "No answer" of a question is that of the window where it is least likely: a window that holds the answer speaks
 * against it, all others are right to say that they do not.
 */
function nullOf(windows: readonly WindowAnswers[], which: NullScore): Span | undefined {
  let kept: Span | undefined;
  for (const { none } of windows) {
    const better = which === "min" ? kept && none.score < kept.score : kept && none.score > kept.score;
    if (!kept || which === "last" || better) kept = none;
  }
  return kept;
}

function probabilities(spans: readonly Span[]): number[] {
  const largestScore = spans[0]?.score ?? 0;
  const powers = spans.map(({ score }) => Math.exp(score - largestScore));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
