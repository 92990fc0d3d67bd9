// Answers in Chinese as CMRC 2018 scores them (Cui et al. 2019, and the task's evaluation script): punctuation goes,
// Chinese characters stand alone, what lies between is cut into words as NLTK does, and F1 comes from the longest
// run of tokens that both sides share.

import { splitWords, strip } from "./python-text.js";
import { treebankWords } from "./treebank-words.js";

// The script also lists "……", which as two characters never equals one
const REMOVED = new Set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』");

/** 1 when both sides are equal without punctuation and case. */
export function cmrcExact(prediction: string, answer: string): number {
  return withoutPunctuation(prediction).join("") === withoutPunctuation(answer).join("") ? 1 : 0;
}

/**
 * F1 by the longest common run of tokens. The script gives 0 when both sides are empty; `emptyAgrees` makes that 1,
 * as SQuAD 2 needs for questions without an answer.
 */
export function cmrcF1(prediction: string, answer: string, emptyAgrees: boolean): number {
  const ours = segment(prediction);
  const theirs = segment(answer);
  if (emptyAgrees && ours.length === 0 && theirs.length === 0) return 1;
  const shared = longestSharedRun(theirs, ours);
  if (shared === 0) return 0;
  const precision = shared / ours.length;
  const recall = shared / theirs.length;
  return (2 * precision * recall) / (precision + recall);
}

function withoutPunctuation(text: string): string[] {
  return Array.from(strip(text.toLowerCase())).filter((character) => !REMOVED.has(character));
}

function segment(text: string): string[] {
  const tokens: string[] = [];
  let run = "";
  const endRun = () => {
    if (run !== "") tokens.push(...splitWords(treebankWords(run)));
    run = "";
  };
  for (const character of withoutPunctuation(text)) {
    if (character >= "\u4e00" && character <= "\u9fa5") {
      endRun();
      tokens.push(character);
    } else {
      run += character;
    }
  }
  endRun();
  return tokens;
}

function longestSharedRun(a: readonly string[], b: readonly string[]): number {
  let longest = 0;
  let above = new Int32Array(b.length + 1);
  let row = new Int32Array(b.length + 1);
  for (const token of a) {
    for (let j = 1; j <= b.length; j++) {
      row[j] = token === b[j - 1] ? above[j - 1] + 1 : 0;
      if (row[j] > longest) longest = row[j];
    }
    [above, row] = [row, above];
  }
  return longest;
}
