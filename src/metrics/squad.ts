// SQuAD 1.1 and 2.0 question answering as the official scripts score it (evaluate-v1.1.py, evaluate-v2.0.py): exact
// match and F1 of normalized words over the best of several answers, abstention, and the best threshold for it.

import { checkChoice, refuse } from "./check.js";
import { splitWords } from "./python-text.js";
import { cmrcExact, cmrcF1 } from "./squad-chinese.js";

/** A predicted answer; an empty text abstains. */
export interface SquadPrediction {
  id: string;
  text: string;
  /** How likely the question has no answer; version 2 only; default 0. */
  noAnswerProbability?: number;
}

/** The gold answers of a question: none means that it has no answer. */
export interface SquadReference {
  id: string;
  answers: readonly string[];
}

/** Options of `squad`. */
export interface SquadOptions {
  version: 1 | 2;
  /** Version 2: a prediction with a higher no-answer probability counts as abstention. Default 1: none does. */
  noAnswerThreshold?: number;
  /** "en" (default) scores as SQuAD; "zh" as CMRC 2018: characters and Latin words, longest common run. */
  language?: "en" | "zh";
}

/** Percentages and the number of questions behind them. */
export interface SquadScore {
  exact: number;
  f1: number;
  total: number;
}

/** What `squad` gives; all but the first three only in version 2. */
export interface SquadResult extends SquadScore {
  /** Questions with an answer; absent when there are none. */
  hasAns?: SquadScore;
  /** Questions without; absent when there are none. */
  noAns?: SquadScore;
  /** The best score that a threshold on the no-answer probability reaches, and the lowest such threshold. */
  bestExact?: number;
  bestExactThreshold?: number;
  bestF1?: number;
  bestF1Threshold?: number;
  /** Scores of each question before any threshold, 0 to 1. */
  perQuestion: { id: string; exact: number; f1: number }[];
}

interface Question {
  id: string;
  hasAnswer: boolean;
  text: string;
  noAnswerProbability: number;
  exact: number;
  f1: number;
}

/**
 * Exact match and F1 of predicted answers.
 *
 * Version 1 leaves out questions without answers, and counts a missing prediction as wrong. Version 2 needs a
 * prediction for every question (the official script crashes) and gives what it prints. Predictions for unknown
 * questions are ignored. ERR_ARGUMENT for duplicate ids, nothing to score, and bad options.
 *
 * @example
 * squad([{ id: "q", text: "the Denver Broncos" }], [{ id: "q", answers: ["Denver Broncos"] }], { version: 1 }).exact; // 100
 */
export function squad(
  predictions: readonly SquadPrediction[],
  references: readonly SquadReference[],
  options: SquadOptions,
): SquadResult {
  const { version, noAnswerThreshold = 1, language = "en" } = options ?? {};
  if (version !== 1 && version !== 2) refuse("squad", "version must be 1 or 2", version);
  if (typeof noAnswerThreshold !== "number" || Number.isNaN(noAnswerThreshold)) {
    refuse("squad", "noAnswerThreshold must be a number", noAnswerThreshold);
  }
  checkChoice("squad", "language", language, ["en", "zh"]);
  const given = byId(predictions, "predictions");
  byId(references, "references");
  const questions = scoreQuestions(given, references, version, language);
  if (questions.length === 0)
    refuse("squad", "there must be at least one question with answers to score", references);
  const perQuestion = questions.map(({ id, exact, f1 }) => ({ id, exact, f1 }));
  if (version === 1) return { ...scoreOf(questions), perQuestion };
  const thresholded = questions.map((question) =>
    question.noAnswerProbability > noAnswerThreshold ? abstaining(question) : question,
  );
  const [withAnswer, without] = [true, false].map((has) => thresholded.filter((q) => q.hasAnswer === has));
  const inOrder = orderByProbability(predictions, questions);
  const bestExact = bestThreshold(questions, inOrder, "exact");
  const bestF1 = bestThreshold(questions, inOrder, "f1");
  return {
    ...scoreOf(thresholded),
    ...(withAnswer.length > 0 && { hasAns: scoreOf(withAnswer) }),
    ...(without.length > 0 && { noAns: scoreOf(without) }),
    bestExact: bestExact.score,
    bestExactThreshold: bestExact.threshold,
    bestF1: bestF1.score,
    bestF1Threshold: bestF1.threshold,
    perQuestion,
  };
}

function byId<T extends { id: string }>(items: readonly T[], what: string): Map<string, T> {
  if (!Array.isArray(items)) refuse("squad", `${what} must be an array`, items);
  const found = new Map<string, T>();
  for (const item of items) {
    if (typeof item?.id !== "string") refuse("squad", `every id in ${what} must be a string`, item?.id);
    if (found.has(item.id)) refuse("squad", `ids in ${what} must be unique`, item.id);
    found.set(item.id, item);
  }
  return found;
}

function scoreQuestions(
  predictions: Map<string, SquadPrediction>,
  references: readonly SquadReference[],
  version: 1 | 2,
  language: "en" | "zh",
): Question[] {
  const questions: Question[] = [];
  for (const { id, answers } of references) {
    if (!Array.isArray(answers) || !answers.every((answer) => typeof answer === "string")) {
      refuse("squad", `answers of question ${id} must be an array of strings`, answers);
    }
    if (version === 1 && answers.length === 0) continue;
    const prediction = predictions.get(id);
    if (prediction === undefined && version === 2)
      refuse("squad", `question ${id} must have a prediction`, "none");
    const { text = "", noAnswerProbability = 0 } = prediction ?? {};
    if (typeof text !== "string") refuse("squad", `the text predicted for ${id} must be a string`, text);
    if (typeof noAnswerProbability !== "number" || Number.isNaN(noAnswerProbability)) {
      refuse("squad", `noAnswerProbability of ${id} must be a number`, noAnswerProbability);
    }
    const scores = prediction === undefined ? { exact: 0, f1: 0 } : bestOf(text, answers, version, language);
    questions.push({ id, hasAnswer: answers.length > 0, text, noAnswerProbability, ...scores });
  }
  return questions;
}

// The best score over the answers; version 2 ignores answers that normalization empties, and takes "" for no answer
function bestOf(text: string, answers: readonly string[], version: 1 | 2, language: "en" | "zh") {
  const real = version === 1 ? answers : answers.filter((answer) => normalizeAnswer(answer) !== "");
  const gold = real.length === 0 ? [""] : real;
  const emptyAgrees = version === 2;
  const exact = (answer: string) => (language === "zh" ? cmrcExact(text, answer) : exactMatch(text, answer));
  const f1 = (answer: string) =>
    language === "zh" ? cmrcF1(text, answer, emptyAgrees) : wordF1(text, answer, emptyAgrees);
  return { exact: Math.max(...gold.map(exact)), f1: Math.max(...gold.map(f1)) };
}

function exactMatch(prediction: string, answer: string): number {
  return normalizeAnswer(prediction) === normalizeAnswer(answer) ? 1 : 0;
}

function wordF1(prediction: string, answer: string, emptyAgrees: boolean): number {
  const ours = splitWords(normalizeAnswer(prediction));
  const theirs = splitWords(normalizeAnswer(answer));
  if (emptyAgrees && (ours.length === 0 || theirs.length === 0)) return ours.length === theirs.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of theirs) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of ours) {
    const count = left.get(word) ?? 0;
    if (count > 0) same++;
    left.set(word, count - 1);
  }
  if (same === 0) return 0;
  const precision = same / ours.length;
  const recall = same / theirs.length;
  return (2 * precision * recall) / (precision + recall);
}

const ASCII_PUNCTUATION = /[!-/:-@[-`{-~]/g;
// Word boundaries as Python's \b sees them: letters, numbers and "_", but no combining marks
const ARTICLE = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Lower case, no ASCII punctuation, no English articles, single spaces. */
export function normalizeAnswer(text: string): string {
  const plain = text.toLowerCase().replace(ASCII_PUNCTUATION, "").replace(ARTICLE, " ");
  return splitWords(plain).join(" ");
}

function abstaining(question: Question): Question {
  const score = question.hasAnswer ? 0 : 1;
  return { ...question, exact: score, f1: score };
}

function scoreOf(questions: readonly Question[]): SquadScore {
  const total = questions.length;
  const percent = (part: "exact" | "f1") => (100 * questions.reduce((sum, q) => sum + q[part], 0)) / total;
  return { exact: percent("exact"), f1: percent("f1"), total };
}

// Equal probabilities keep the order of the predictions, as Python's stable sort does
function orderByProbability(
  predictions: readonly SquadPrediction[],
  questions: readonly Question[],
): Question[] {
  const known = new Map(questions.map((question) => [question.id, question]));
  const answered = predictions.map(({ id }) => known.get(id)).filter((question) => question !== undefined);
  return answered.sort((a, b) => a.noAnswerProbability - b.noAnswerProbability);
}

// Starts from abstaining always and answers one more question at a time, least likely unanswerable first
function bestThreshold(questions: readonly Question[], inOrder: readonly Question[], part: "exact" | "f1") {
  let current = questions.filter((question) => !question.hasAnswer).length;
  let best = { score: current, threshold: 0 };
  for (const question of inOrder) {
    if (question.hasAnswer) current += question[part];
    else if (question.text !== "") current -= 1;
    if (current > best.score) best = { score: current, threshold: question.noAnswerProbability };
  }
  return { score: (100 * best.score) / questions.length, threshold: best.threshold };
}
