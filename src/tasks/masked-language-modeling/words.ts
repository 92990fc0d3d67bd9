// Words that a tokenizer does not know as such: Chinese ones, whose characters are tokens of their own.
import type { Encoding } from "../../tokenizers/encoding.js";
import { rowFault } from "../rows.js";

/** The words of a text, in their order; together they are the text, but for white space. */
export type WordsOf = (text: string, row: object) => readonly string[];

/**
 * The word of each token, -1 for special tokens. Tokens of one word are those that begin within it; a token between
 * words is one of its own.
 *
 * @throws ERR_DATA when a word is not found where it should be
 */
export function givenWords(
  task: string,
  encoding: Encoding,
  text: string,
  words: readonly string[],
  row: number,
): Int32Array {
  const wordAt = new Int32Array(text.length).fill(-1);
  let from = 0;
  if (!Array.isArray(words)) throw rowFault(task, row, undefined, "cut into a list of words", words);
  words.forEach((word, number) => {
    const begin = typeof word === "string" ? text.indexOf(word, from) : -1;
    if (begin === -1)
      throw rowFault(task, row, undefined, "cut into words that follow each other in it", word);
    wordAt.fill(number, begin, begin + word.length);
    from = begin + word.length;
  });
  let next = words.length;
  const { offsets, specialTokensMask } = encoding;
  return Int32Array.from({ length: encoding.length }, (_, i) => {
    if (specialTokensMask[i] !== 0) return -1;
    const word = wordAt[offsets[2 * i]] ?? -1;
    return word >= 0 ? word : next++;
  });
}

/** The tokenizer's own words, -1 for special tokens. */
export function tokenizerWords(encoding: Encoding): Int32Array {
  return Int32Array.from(encoding.wordIds, (word) => word ?? -1);
}
