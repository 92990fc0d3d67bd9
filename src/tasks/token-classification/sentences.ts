// Rows of token classification: words with tags, or plain text to predict for; and where words stand in the text.
import type { DataRow } from "../../training/task.js";
import { labelIds } from "../labels.js";
import { columnOf, rowFault, shownValue } from "../rows.js";

export const TASK = "tokenClassification";

/** A tag that says not to count a word, as everywhere. */
export const NOT_COUNTED = -100;

const WORDS = ["tokens", "words"];
const TAGS = ["tags", "labels", "ner_tags"];

/** Where a row has what; undefined: the first of the usual names that it has. */
export interface SentenceColumns {
  words: string | undefined;
  labels: string | undefined;
  text: string;
  separator: string;
  positionDigits: boolean;
}

/** A sentence as the task reads it. */
export interface Sentence {
  /** Undefined: plain text, whose words the tokenizer finds. */
  words: string[] | undefined;
  /** What offsets count in, in UTF-16 code units. */
  text: string;
  /** Where each word begins in the text. */
  starts: number[];
}

/** @throws ERR_DATA when a row has neither words nor, where labels are not needed, a text */
export function sentenceOf(
  row: DataRow,
  index: number,
  columns: SentenceColumns,
  labels: "required" | "none",
): Sentence {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const name = columns.words ?? WORDS.find((known) => columnOf(row, known) !== undefined) ?? WORDS[0];
  const value = columnOf(row, name);
  const text = columnOf(row, columns.text);
  const hasText = typeof text === "string" && text !== "";
  if (value === undefined && hasText && labels === "none") return { words: undefined, text, starts: [] };
  if (!Array.isArray(value) || value.length === 0) {
    throw rowFault(TASK, index, name, "a list of at least one word", value);
  }
  const words = value.map((word, i) => {
    if (typeof word !== "string") throw rowFault(TASK, index, name, `a list of words (at ${i})`, word);
    return columns.positionDigits ? word.replace(/(?<=.)\d$/u, "") : word;
  });
  const found = hasText ? startsIn(text, words) : undefined;
  if (found) return { words, text: text as string, starts: found };
  return { words, ...joined(words, columns.separator) };
}

function joined(words: readonly string[], separator: string): { text: string; starts: number[] } {
  let at = 0;
  const starts = words.map((word) => {
    const start = at;
    at += word.length + separator.length;
    return start;
  });
  return { text: words.join(separator), starts };
}

/** Undefined where the text is not these words with nothing but blanks between: "zum" for "zu", "dem". */
function startsIn(text: string, words: readonly string[]): number[] | undefined {
  const starts: number[] = [];
  let at = 0;
  for (const word of words) {
    const start = text.indexOf(word, at);
    if (start < 0 || text.slice(at, start).trim() !== "") return undefined;
    starts.push(start);
    at = start + word.length;
  }
  return starts;
}

/** Reads the tags of rows as ids of the model's classes. */
export function tagReader(
  names: readonly string[],
  column: string | undefined,
): (row: DataRow, index: number, words: number) => Int32Array {
  const idOf = labelIds(names);
  return (row, index, words) => {
    const name = column ?? TAGS.find((known) => columnOf(row, known) !== undefined) ?? TAGS[0];
    const tags = columnOf(row, name) as ArrayLike<unknown> | undefined;
    if (!Array.isArray(tags) && !ArrayBuffer.isView(tags)) {
      throw rowFault(TASK, index, name, "a list of tags", tags);
    }
    if (tags.length !== words) {
      throw rowFault(TASK, index, name, `one tag for each of the ${words} words`, `${tags.length} tags`);
    }
    return Int32Array.from(tags as ArrayLike<unknown>, (tag, i) => {
      const id = tag === NOT_COUNTED ? NOT_COUNTED : idOf(tag);
      if (id !== undefined) return id;
      const needed = `tags out of the model's ${names.length} labels (${shownLabels(names)}), at ${i}`;
      throw rowFault(TASK, index, name, needed, tag);
    });
  };
}

function shownLabels(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => shownValue(name).slice(1, -1));
  return names.length > shown.length ? `${shown.join(", ")}, ...` : shown.join(", ");
}
