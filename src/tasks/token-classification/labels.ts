// Labels of words: reading them from a column, laying them on tokens, the classes of a data set.
import { classLabels } from "../../data/class-labels.js";
import { AthanorError } from "../../errors.js";
import type { DataRow, TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { columnOf, rowFault } from "../rows.js";
import { TASK, type WordColumns } from "./words.js";

/** Reads the labels of a row, one per word, as ids. */
export type TagReader = (row: DataRow, index: number, words: number) => number[];

/** Tags are names of the model's labels, or ids. @throws ERR_DATA for a model with one label, and when reading */
export function tagReader(model: TrainableModel, columns: WordColumns): TagReader {
  const names = labelNames(model);
  if (names.length < 2) {
    throw new AthanorError(
      "ERR_DATA",
      `${TASK}: model needs at least two labels, got ${names.length}; see tokenLabelNames`,
    );
  }
  const ids = new Map(names.map((name, id) => [name, id]));
  const known = names.length <= 20 ? ` (${names.join(", ")})` : "";
  return (row, index, words) => {
    const tags = columnOf(row, columns.tags);
    if (!Array.isArray(tags)) throw rowFault(TASK, index, columns.tags, "a list of labels", tags, row);
    if (tags.length !== words) {
      const needed = `as long as column "${columns.tokens}", ${words}`;
      throw rowFault(TASK, index, columns.tags, needed, tags);
    }
    return tags.map((tag) => {
      const id = typeof tag === "string" ? ids.get(tag) : tag;
      if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < names.length) return id;
      throw rowFault(TASK, index, columns.tags, `made of the model's ${names.length} labels${known}`, tag);
    });
  };
}

export interface AlignmentOptions {
  /** Every token of a word has its label, not the first one alone. Default false. */
  labelAllTokens?: boolean;
  /**
   * The label of the further tokens of a word with `labelAllTokens`: by the id of the word's label. Default: the same.
   */
  continuationOf?: (label: number) => number;
  /** Whether the first token of a window goes on with a word that the window before began. Default false. */
  continues?: boolean;
}

/**
 * Labels of tokens by the words that tokens belong to: the first token of a word has its label, others and special
 * tokens -100 (Transformers' run_ner.py, tokenize_and_align_labels).
 *
 * @param wordIds the word of each token, null for none: `encoding.wordIds`
 * @param labels an id per word
 * @example
 * alignLabels([null, 0, 1, 1, null], [3, 4]); // [-100, 3, 4, -100, -100]
 */
export function alignLabels(
  wordIds: readonly (number | null)[],
  labels: readonly number[],
  { labelAllTokens = false, continuationOf = (label) => label, continues = false }: AlignmentOptions = {},
): Int32Array {
  const first = wordIds.findIndex((word) => word !== null);
  return Int32Array.from(wordIds, (word, i) => {
    if (word === null) return -100;
    const begins = i === first ? !continues : word !== wordIds[i - 1];
    if (begins) return labels[word];
    return labelAllTokens ? continuationOf(labels[word]) : -100;
  });
}

/** From B-X to I-X, where there is such a label; others stay. */
export function insideLabels(names: readonly string[]): (label: number) => number {
  const ids = new Map(names.map((name, id) => [name, id]));
  const inside = names.map((name, id) =>
    name.startsWith("B-") ? (ids.get(`I-${name.slice(2)}`) ?? id) : id,
  );
  return (label) => inside[label];
}

/**
 * The labels in a column of lists, for `fromPretrained(folder, { labels })`: sorted by their characters, "O" first.
 *
 * @throws ERR_DATA naming the first row without a list, an entry that is no text, or rows without a single label
 * @example
 * tokenLabelNames([{ tags: ["B-PER", "O"] }]); // ["O", "B-PER"]
 */
export function tokenLabelNames(rows: readonly DataRow[], column = "tags"): string[] {
  const single = rows.flatMap((row, index) => {
    const tags = columnOf(row, column);
    if (!Array.isArray(tags)) throw rowFault(TASK, index, column, "a list of labels", tags, row);
    return tags.map((tag) => {
      if (typeof tag === "string" && tag !== "") return { tag };
      throw rowFault(TASK, index, column, "made of names of labels", tag);
    });
  });
  if (single.length === 0) {
    throw new AthanorError("ERR_DATA", `${TASK}: column "${column}" must have labels, got none`);
  }
  const { labels } = classLabels(single, "tag");
  return labels.includes("O") ? ["O", ...labels.filter((label) => label !== "O")] : labels;
}

const CHUNK_LABEL = /^(?:O|[BIESLUM]-.+)$/u;

/** Whether labels mark pieces of several words: "O", and letters with a type such as "B-PER". */
export function areChunkLabels(names: readonly string[]): boolean {
  return names.some((name) => name !== "O") && names.every((name) => CHUNK_LABEL.test(name));
}
