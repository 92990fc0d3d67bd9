// Questions out of rows: the columns of SQuAD, and answers that do not stand where they should.
import type { DataRow, PrepareContext } from "../../training/task.js";
import { columnOf, rowFault, textOf } from "../rows.js";

export const TASK = "questionAnswering";

/** An answer: a text and where it begins in the context, in UTF-16 units. */
export interface Answer {
  text: string;
  start: number;
}

/** What becomes of an answer that does not stand where `answer_start` says. */
export type MisplacedAnswers = "realign" | "skip" | "error" | "keep";

/** An answer that does not stand where `answer_start` says. */
export interface MisplacedAnswer {
  /** The row, from 0, and its question's id. */
  row: number;
  id: string;
  text: string;
  /** Where it should begin. */
  start: number;
  /** Where it was found instead, nearest to `start`; undefined where it stands nowhere. */
  found: number | undefined;
}

/** One row. */
export interface Question {
  row: number;
  id: string;
  question: string;
  context: string;
  /** Empty where there is no answer; undefined where the row does not say. */
  answers: Answer[] | undefined;
}

export interface QuestionColumns {
  id: string;
  question: string;
  context: string;
  answers: string;
}

/** Reads a row; `acceptEmpty`: also one with an empty question. @throws ERR_DATA naming row and column */
export function questionOf(
  row: DataRow,
  index: number,
  columns: QuestionColumns,
  { labels, acceptEmpty }: { labels: PrepareContext["labels"]; acceptEmpty: boolean },
): Question {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const asked = columnOf(row, columns.question);
  if (typeof asked !== "string") throw rowFault(TASK, index, columns.question, "a text", asked, row);
  // As the reference does: blanks on the left would only take tokens from the context.
  const question = asked.trimStart();
  if (question === "" && !acceptEmpty) {
    const needed = 'a text that is not empty (or set emptyQuestion: "accept")';
    throw rowFault(TASK, index, columns.question, needed, asked);
  }
  const context = textOf(TASK, row, index, columns.context);
  const id = columnOf(row, columns.id) ?? index;
  if (typeof id !== "string" && typeof id !== "number") throw rowFault(TASK, index, columns.id, "a text", id);
  const value = columnOf(row, columns.answers);
  const answers =
    value === undefined || value === null ? undefined : answersOf(value, index, columns.answers);
  if (answers === undefined && labels === "required") {
    const needed = "answers { text: [...], answer_start: [...] } (empty lists where there is none)";
    throw rowFault(TASK, index, columns.answers, needed, value, row);
  }
  return { row: index, id: String(id), question, context, answers };
}

/** The answers of a row, whatever it holds otherwise; none where it has no such column. */
export function answerTexts(row: DataRow, index: number, column: string): string[] {
  return answersOf(columnOf(row, column) ?? [], index, column).map(({ text }) => text);
}

/** Both forms: an object of two lists, or a list of objects. */
function answersOf(value: unknown, row: number, column: string): Answer[] {
  const { text: texts, answer_start: starts } = value as { text?: unknown; answer_start?: unknown };
  const pairs: unknown[][] = [];
  if (isList(value)) {
    for (const entry of Array.from(value)) pairs.push([entry?.text, entry?.answer_start]);
  } else if (isList(texts) && isList(starts) && texts.length === starts.length) {
    for (let i = 0; i < texts.length; i++) pairs.push([texts[i], starts[i]]);
  } else {
    throw rowFault(
      TASK,
      row,
      column,
      "lists text and answer_start of one length, or a list of answers",
      value,
    );
  }
  return pairs.map(([text, start]) => {
    const place = typeof start === "bigint" ? Number(start) : start;
    if (typeof text !== "string") throw rowFault(TASK, row, column, "made of answers with a text", text);
    if (!Number.isSafeInteger(place))
      throw rowFault(TASK, row, column, "made of answers with a whole number answer_start", start);
    return { text, start: place as number };
  });
}

function isList(value: unknown): value is ArrayLike<{ text?: unknown; answer_start?: unknown } | undefined> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/**
 * The first answer, as that is the one to learn, put where it stands.
 *
 * @returns null for a question without an answer, undefined for one to leave out
 * @throws ERR_DATA for a misplaced answer with "error"
 */
export function placedAnswer(
  question: Question,
  misplaced: MisplacedAnswers,
  column: string,
  report: (answer: MisplacedAnswer) => void,
): Answer | null | undefined {
  const { row, id, context } = question;
  const answer = question.answers?.[0];
  if (answer === undefined) return null;
  const { text, start } = answer;
  if (start >= 0 && text !== "" && context.startsWith(text, start)) return answer;
  const found = text === "" ? undefined : nearest(context, answer);
  report({ row, id, text, start, found });
  if (misplaced === "keep") return answer;
  if (misplaced === "realign") return found === undefined ? undefined : { text, start: found };
  if (misplaced === "skip") return undefined;
  const there = context.slice(Math.max(0, start), Math.max(0, start) + text.length);
  const needed = `made of answers that stand at their answer_start (or set misplaced: "realign"): at ${start} ${JSON.stringify(text)}`;
  throw rowFault(TASK, row, column, needed, there);
}

function nearest(context: string, { text, start }: Answer): number | undefined {
  const from = Math.max(0, start);
  const before = context.lastIndexOf(text, from);
  const after = context.indexOf(text, from);
  if (before === -1 && after === -1) return undefined;
  if (before === -1 || after === -1) return Math.max(before, after);
  return from - before <= after - from ? before : after;
}
