// What a row holds for sentence embeddings: sentences, and a score or a group.
import type { DataRow } from "../../training/task.js";
import { columnOf, rowFault, textOf } from "../rows.js";

export const TASK = "sentenceEmbeddings";

export interface SentenceColumns {
  /** Default: `anchor` for ranking, `sentence1` for cosine similarity. */
  firstColumn?: string;
  /** Default: `positive`, `sentence2`. */
  secondColumn?: string;
  /** Ranking: a further text, or a list of them, that must not be found; default `negative`, where rows have it. */
  negativeColumn?: string;
  /** Cosine similarity: default `score`. */
  scoreColumn?: string;
  /** Ranking: rows with equal values are no negatives of each other. */
  groupColumn?: string;
}

export type NamedColumns = Required<Omit<SentenceColumns, "groupColumn">> &
  Pick<SentenceColumns, "groupColumn">;

/** The sentences of a row; only the first must be there where no labels are needed. @throws ERR_DATA */
export function sentencesOf(row: DataRow, index: number, columns: NamedColumns, needed: boolean): string[] {
  const { firstColumn, secondColumn, negativeColumn } = columns;
  const texts = [textOf(TASK, row, index, firstColumn)];
  const missing = (value: unknown) => value === undefined || value === null || value === "";
  if (!needed && missing(columnOf(row, secondColumn))) return texts;
  texts.push(textOf(TASK, row, index, secondColumn));
  const negatives = columnOf(row, negativeColumn);
  if (missing(negatives)) return texts;
  if (!Array.isArray(negatives)) return [...texts, textOf(TASK, row, index, negativeColumn)];
  for (const text of negatives) {
    if (typeof text !== "string" || text.trim() === "")
      throw rowFault(TASK, index, negativeColumn, "a text that is not empty, or a list of such", text);
    texts.push(text);
  }
  return texts;
}

/** A score from 0 to `most` as one from 0 to 1. @throws ERR_DATA */
export function scoreOf(row: DataRow, index: number, column: string, most: number): number {
  const value = columnOf(row, column);
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && number >= -most && number <= most) return number / most;
  throw rowFault(TASK, index, column, `a number from ${-most} to ${most}`, value);
}

/** The number of a row's group. @throws ERR_DATA */
export function groupOf(row: DataRow, index: number, column: string, known: Map<unknown, number>): number {
  const value = columnOf(row, column);
  if (typeof value !== "string" && typeof value !== "number") {
    throw rowFault(TASK, index, column, "a text or a number", value);
  }
  if (!known.has(value)) known.set(value, known.size);
  return known.get(value)!;
}
