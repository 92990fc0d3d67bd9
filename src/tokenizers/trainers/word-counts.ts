// The words of a training text and how often each occurs: all that a trainer looks at.

import { wrong } from "../options.js";
import type { Pace, TrainingControl } from "./pace.js";

/** Options of every trainer that say what to read. */
export interface TrainingTexts extends TrainingControl {
  /**
   * The words of a text, as the tokenizer will see them: normalized and split. Default: what is between white
   * space, as it is.
   */
  words?: (text: string) => Iterable<string>;
}

/** Texts to train on. */
export type Texts = Iterable<string> | AsyncIterable<string>;

/** Counts the words, in the order of their first appearance. */
export async function countWords(
  who: string,
  texts: Texts,
  words: (text: string) => Iterable<string>,
  pace: Pace,
): Promise<Map<string, number>> {
  if (typeof texts === "string" || !isIterable(texts)) throw wrong(who, "texts", "many texts", texts);
  const counts = new Map<string, number>();
  let read = 0;
  for await (const text of texts) {
    if (typeof text !== "string") throw wrong(who, `texts[${read}]`, "a string", text);
    for (const word of words(text)) {
      if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
      if (pace.isDue()) await pace.rest("count words", read, null);
    }
    read++;
  }
  pace.finish("count words", read);
  if (counts.size === 0) throw wrong(who, "texts", "at least one word", `${read} texts without any`);
  return counts;
}

/** What is between white space. */
export function* splitAtBlanks(text: string): Iterable<string> {
  for (const match of text.matchAll(/\S+/gu)) yield match[0];
}

function isIterable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** What is between white space, each with the mark of a blank in front. */
export function* markedWords(text: string): Iterable<string> {
  for (const word of splitAtBlanks(text)) yield `\u2581${word}`;
}
