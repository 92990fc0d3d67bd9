// The characters that a training starts from.

import type { Pace } from "./pace.js";

/** Options that say which characters. */
export interface AlphabetOptions {
  /** Keep only so many characters, the most frequent ones. Default: all. */
  limitAlphabet?: number;
  /** Characters that are kept whether they occur or not. Default none. */
  initialAlphabet?: readonly string[];
}

/**
 * The characters of words, in the order of their code points. Of two as frequent as each other the lower one
 * stays.
 */
export async function alphabetOf(
  words: ReadonlyMap<string, number>,
  options: AlphabetOptions,
  pace: Pace,
): Promise<string[]> {
  const counts = new Map<string, number>();
  let read = 0;
  for (const [word, count] of words) {
    if (pace.isDue()) await pace.rest("count characters", read, words.size);
    read++;
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  for (const text of options.initialAlphabet ?? []) {
    const character = String.fromCodePoint(text.codePointAt(0)!);
    counts.set(character, Number.POSITIVE_INFINITY);
  }
  let characters = [...counts.keys()];
  const limit = options.limitAlphabet ?? Number.POSITIVE_INFINITY;
  if (characters.length > limit) {
    characters.sort((a, b) => rank(counts.get(b)!, counts.get(a)!) || byCodePoint(a, b));
    characters = characters.slice(0, limit);
  }
  return characters.sort(byCodePoint);
}

// Infinity less infinity is no number
function rank(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function byCodePoint(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}
