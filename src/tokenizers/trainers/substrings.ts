// Texts that occur at least twice within words, from which a Unigram training starts: by length, a longer one
// only where both of its shorter halves occur often enough, so that memory is bounded by what is frequent. Of
// texts that always go on with the same character only the longest is kept, as a suffix tree would have it.

import type { Pace } from "./pace.js";

/** Words with the places of their characters. */
export interface SplitWords {
  words: readonly string[];
  counts: readonly number[];
  /** For each word the place of each character, and its length. */
  offsets: readonly Int32Array[];
}

/** Splits words at code points. */
export async function atCharacters(words: ReadonlyMap<string, number>, pace: Pace): Promise<SplitWords> {
  const offsets: Int32Array[] = [];
  for (const word of words.keys()) {
    if (pace.isDue()) await pace.rest("split words", offsets.length, words.size);
    const places = [0];
    for (const character of word) places.push(places[places.length - 1] + character.length);
    offsets.push(Int32Array.from(places));
  }
  return { words: [...words.keys()], counts: [...words.values()], offsets };
}

/** Substrings of 2 to `longest` characters with how often each occurs. */
export async function frequentSubstrings(
  { words, counts, offsets }: SplitWords,
  longest: number,
  pace: Pace,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  // Whether the substring of the current length at a place is frequent; a single character always is
  const alive = offsets.map((places) => new Uint8Array(places.length).fill(1));
  let shorter = new Map<string, number>();
  for (let length = 2; length <= longest; length++) {
    const level = new Map<string, number>();
    const each = async (visit: (text: string, word: number, place: number) => void): Promise<void> => {
      for (let word = 0; word < words.length; word++) {
        const places = offsets[word];
        for (let i = 0; i + length < places.length; i++) {
          if (alive[word][i] === 0 || alive[word][i + 1] === 0) continue;
          visit(words[word].slice(places[i], places[i + length]), word, i);
        }
        if (pace.isDue()) await pace.rest("find substrings", length, longest);
      }
    };
    await each((text, word) => level.set(text, (level.get(text) ?? 0) + counts[word]));
    const next = alive.map((flags) => new Uint8Array(flags.length));
    await each((text, word, i) => {
      if (level.get(text)! >= 2) next[word][i] = 1;
    });
    for (let word = 0; word < words.length; word++) alive[word].set(next[word]);
    await takeOver(level, shorter, found, pace, length, longest);
    if (level.size === 0) break;
    shorter = level;
  }
  pace.finish("find substrings", longest);
  return found;
}

// Keeps what is frequent; drops what is one character shorter and occurs nowhere else.
async function takeOver(
  level: Map<string, number>,
  shorter: ReadonlyMap<string, number>,
  found: Map<string, number>,
  pace: Pace,
  length: number,
  longest: number,
): Promise<void> {
  for (const [text, count] of level) {
    if (count < 2) {
      level.delete(text);
      continue;
    }
    found.set(text, count);
    const last = text.codePointAt(text.length - 2)! > 0xffff ? 2 : 1;
    const stem = text.slice(0, -last);
    if (shorter.get(stem) === count) found.delete(stem);
    if (pace.isDue()) await pace.rest("find substrings", length, longest);
  }
}
