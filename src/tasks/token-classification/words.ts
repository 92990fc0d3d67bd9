// The words of a row and where they stand in its text: given in a column, or found by the tokenizer.
import { AthanorError } from "../../errors.js";
import type { Encoding } from "../../tokenizers/encoding.js";
import type { DataRow } from "../../training/task.js";
import { columnOf, rowFault } from "../rows.js";

export const TASK = "tokenClassification";

/** Columns of a row. */
export interface WordColumns {
  /** Words; default "tokens". */
  tokens: string;
  /** Labels; default "tags". */
  tags: string;
  /** Text; default "text". */
  text: string;
}

/** The text of a row and its words. Places are in UTF-16 units. */
export interface WordText {
  text: string;
  words: readonly string[];
  /** Start and end of each word in the text, two numbers per word. */
  places: Int32Array;
}

/**
 * The words of a row that has them. Their places are those in the row's own text, where the words stand in it one
 * after another; else in the words joined by `joiner`. Undefined for a row without the column.
 *
 * @throws ERR_DATA naming the row from 0
 */
export function givenWords(
  row: DataRow,
  index: number,
  columns: WordColumns,
  joiner: string,
): WordText | undefined {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const words = columnOf(row, columns.tokens);
  if (words === undefined || words === null) return undefined;
  if (!Array.isArray(words)) throw rowFault(TASK, index, columns.tokens, "a list of words", words);
  for (const word of words) {
    if (typeof word !== "string") throw rowFault(TASK, index, columns.tokens, "a list of texts", word);
  }
  const text = columnOf(row, columns.text);
  const places = typeof text === "string" ? placesIn(text, words) : undefined;
  if (places) return { text: text as string, words, places };
  return { text: words.join(joiner), words, places: joinedPlaces(words, joiner.length) };
}

/** Where words stand in a text with nothing but white space between; undefined where they do not. */
function placesIn(text: string, words: readonly string[]): Int32Array | undefined {
  const places = new Int32Array(2 * words.length);
  const blanks = /\s*/y;
  let at = 0;
  for (const [i, word] of words.entries()) {
    blanks.lastIndex = at;
    blanks.test(text);
    at = blanks.lastIndex;
    if (!text.startsWith(word, at)) return undefined;
    places[2 * i] = at;
    at += word.length;
    places[2 * i + 1] = at;
  }
  return places;
}

function joinedPlaces(words: readonly string[], between: number): Int32Array {
  const places = new Int32Array(2 * words.length);
  let at = 0;
  words.forEach((word, i) => {
    places[2 * i] = at;
    places[2 * i + 1] = at + word.length;
    at += word.length + between;
  });
  return places;
}

/**
 * The word of each token, null for special tokens.
 *
 * @throws ERR_ARGUMENT for a tokenizer that does not tell words apart
 */
export function wordsOfTokens(encoding: Encoding): readonly (number | null)[] {
  const { wordIds, specialTokensMask } = encoding;
  const known = Array.isArray(wordIds) && wordIds.every((word, i) => word !== null || specialTokensMask[i]);
  if (known) return wordIds;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${TASK}: tokenizer must say which word a token belongs to (wordIds), got one that does not`,
  );
}

/** The words that a tokenizer finds in a text: all windows of it together. @throws ERR_ARGUMENT as wordsOfTokens() */
export function foundWords(text: string, windows: readonly Encoding[]): WordText {
  const bounds: [start: number, end: number][] = [];
  for (const encoding of windows) {
    const { offsets } = encoding;
    wordsOfTokens(encoding).forEach((word, i) => {
      if (word === null) return;
      const [start, end] = [offsets[2 * i], offsets[2 * i + 1]];
      const known = bounds[word] ?? [start, end];
      bounds[word] = [Math.min(known[0], start), Math.max(known[1], end)];
    });
  }
  // Numbers without a token: words of which the tokenizer keeps nothing.
  const places = Int32Array.from(Array.from(bounds, (bound) => bound ?? [0, 0]).flat());
  const words = Array.from(bounds, (bound) => (bound ? text.slice(bound[0], bound[1]) : ""));
  return { text, words, places };
}
