// How ROUGE cuts a text into tokens: as rouge_score does (rouge/tokenize.py), or so that Chinese and Japanese work.

import { refuse } from "./check.js";
import { porterStem } from "./porter-stemmer.js";

/** "rouge" is rouge_score's own; "characters" makes each Chinese or Japanese character a token. */
export type RougeTokenizer = "rouge" | "characters" | ((text: string) => readonly string[]);

const CHARACTER_OR_WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{M}\p{N}])+/gu;
const STEMS_KEPT = 1 << 16;

/** The tokenizing function for the options. ERR_ARGUMENT for a stemmer where it has no effect. */
export function rougeTokenizer(
  tokenizer: RougeTokenizer,
  useStemmer: boolean,
): (text: string) => readonly string[] {
  if (typeof useStemmer !== "boolean") refuse("rouge", "useStemmer must be true or false", useStemmer);
  if (tokenizer === "rouge") return useStemmer ? stemmed() : latinWords;
  if (useStemmer) refuse("rouge", 'useStemmer must be false with a tokenizer other than "rouge"', useStemmer);
  if (tokenizer === "characters") return charactersAndWords;
  if (typeof tokenizer !== "function") {
    refuse("rouge", 'tokenizer must be "rouge", "characters" or a function', tokenizer);
  }
  return (text) => {
    const tokens = tokenizer(text);
    if (!Array.isArray(tokens)) refuse("rouge", "tokenizer must return an array of strings", tokens);
    return tokens;
  };
}

/** Runs of a to z and 0 to 9 after lower-casing; everything else, every other script included, is dropped. */
function latinWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/** Words of more than three letters are stemmed, as in the reference. */
function stemmed(): (text: string) => string[] {
  const stems = new Map<string, string>();
  return (text) => {
    const words = latinWords(text);
    for (let i = 0; i < words.length; i++) {
      if (words[i].length <= 3) continue;
      let stem = stems.get(words[i]);
      if (stem === undefined) {
        if (stems.size > STEMS_KEPT) stems.clear();
        stem = porterStem(words[i]);
        stems.set(words[i], stem);
      }
      words[i] = stem;
    }
    return words;
  };
}

function charactersAndWords(text: string): string[] {
  return text.toLowerCase().match(CHARACTER_OR_WORD) ?? [];
}
