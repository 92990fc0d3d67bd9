// The metrics of SQuAD 1 and 2, and of CMRC 2018, over answers and rows.
import { type SquadResult, squad } from "../../metrics/squad.js";
import type { DataRow } from "../../training/task.js";
import type { QuestionAnswer } from "./answers.js";
import { answerTexts } from "./questions.js";

export interface ScoreOptions {
  version: 1 | 2;
  language: "en" | "zh";
  answersColumn: string;
}

/** Exact match and F1 in percent; for version 2 also by kind of question, and the thresholds that would be best. */
export function answerScores(
  answers: readonly QuestionAnswer[],
  rows: readonly DataRow[],
  { version, language, answersColumn }: ScoreOptions,
): Record<string, number> {
  // Places instead of ids, which a data set may have twice.
  const references = rows.map((row, i) => ({ id: String(i), answers: answerTexts(row, i, answersColumn) }));
  const given = answers.map(({ text }, i) => ({ id: String(i), text }));
  const { exact, f1, hasAns, noAns } = squad(given, references, { version, language });
  if (version === 1) return { exact, f1 };
  return {
    ...{ exact, f1 },
    ...(hasAns && { hasAnswerExact: hasAns.exact, hasAnswerF1: hasAns.f1 }),
    ...(noAns && { noAnswerExact: noAns.exact, noAnswerF1: noAns.f1 }),
    ...bestThresholds(answers, references, language),
  };
}

/** The names of what answerScores() gives. */
export function answerScoreNames(version: 1 | 2): readonly string[] {
  const both = ["exact", "f1"];
  if (version === 1) return both;
  const kinds = ["hasAnswerExact", "hasAnswerF1", "noAnswerExact", "noAnswerF1"];
  return [...both, ...kinds, "bestExact", "bestExactThreshold", "bestF1", "bestF1Threshold"];
}

/** What `nullThreshold` would have been best: found over the answers before any threshold. */
function bestThresholds(
  answers: readonly QuestionAnswer[],
  references: { id: string; answers: string[] }[],
  language: "en" | "zh",
): Record<string, number> {
  const bold = answers.map(({ candidates, nullDifference = 0 }, i) => {
    const text = candidates.find((candidate) => candidate.end > candidate.start)?.text ?? "";
    return { id: String(i), text, noAnswerProbability: nullDifference };
  });
  const noAnswerThreshold = Number.POSITIVE_INFINITY;
  const { bestExact, bestExactThreshold, bestF1, bestF1Threshold } = squad(bold, references, {
    ...{ version: 2, language, noAnswerThreshold },
  }) as Required<SquadResult>;
  return { bestExact, bestExactThreshold, bestF1, bestF1Threshold };
}
