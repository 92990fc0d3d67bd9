// The checks of texts: one, a pair, or a batch of either.

import { wrong } from "./options.js";

/** One text, or a pair of texts. With `isSplitIntoWords` each text is an array of words. */
export type TextOrPair =
  | string
  | readonly [string, string]
  | readonly string[]
  | readonly [string[], string[]];

/** Throws unless `texts` is an array. */
export function checkBatch(who: string, texts: unknown): void {
  if (!Array.isArray(texts)) throw wrong(who, "texts", "an array of texts", texts);
}

/** Throws unless `text` is a text or an array of words. */
export function checkText(who: string, name: string, text: unknown): void {
  if (typeof text === "string") return;
  if (!Array.isArray(text)) throw wrong(who, name, "a string or an array of words", text);
  checkWords(who, name, text);
}

function checkWords(who: string, name: string, words: readonly unknown[]): void {
  for (let i = 0; i < words.length; i++) {
    if (typeof words[i] !== "string") throw wrong(who, `${name}[${i}]`, "a string", words[i]);
  }
}

/** The one or two texts of an entry of a batch. Throws ERR_ARGUMENT when it is neither. */
export function splitEntry(
  who: string,
  entry: TextOrPair,
  index: number,
  isSplitIntoWords: boolean,
): [string | readonly string[], string | readonly string[] | null] {
  const name = `texts[${index}]`;
  if (isSplitIntoWords) {
    if (!Array.isArray(entry)) throw wrong(who, name, "an array of words", entry);
    if (!entry.some(Array.isArray)) {
      checkWords(who, name, entry);
      return [entry as string[], null];
    }
    if (entry.length !== 2 || !entry.every(Array.isArray)) {
      throw wrong(who, name, "an array of words, or two of them", entry);
    }
    for (const words of entry) checkWords(who, name, words);
    return [entry[0], entry[1]];
  }
  if (typeof entry === "string") return [entry, null];
  if (!Array.isArray(entry) || entry.length !== 2 || entry.some((text) => typeof text !== "string")) {
    throw wrong(who, name, "a string or a pair of strings (or isSplitIntoWords set)", entry);
  }
  return [entry[0], entry[1]];
}

/** Whether a value is an array of any kind. */
export function isArrayLike(value: unknown): boolean {
  if (Array.isArray(value)) return true;
  return ArrayBuffer.isView(value) && "length" in value;
}
