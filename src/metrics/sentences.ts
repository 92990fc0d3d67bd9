// Sentence boundaries in English and Chinese by rules: what rougeLsum needs as lines. One pass, no dictionary beyond
// a short list of abbreviations. Not NLTK's Punkt: scores of long texts differ by where either cuts.

import { refuse } from "./check.js";
import { isPythonSpace, strip } from "./python-text.js";

const FULL_WIDTH_ENDS = new Set("。！？｡");
const ENDS = new Set(".!?…");
const CLOSING = new Set("\"')]}”’»」』）】》〉");
const ABBREVIATIONS = new Set(
  (
    "mr mrs ms dr prof sr jr st mt rev hon gen col sgt capt lt cmdr gov sen rep pres " +
    "vs etc al cf fig figs eq eqs no nos vol pp ed eds ch sec dept est approx inc ltd co corp " +
    "e.g i.e a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec"
  ).split(" "),
);

/**
 * The sentences of a text, trimmed, none empty. A line end always separates; 。！？ always end a sentence, with the
 * closing quotes behind them; . ! ? … end one when white space follows and no small letter after it, unless the
 * word is a known abbreviation or a single letter ("J. S. Bach").
 *
 * @example
 * splitSentences("Dr. Wu arrived. 她很高兴。我们也是！").join("\n"); // three lines
 */
export function splitSentences(text: string): string[] {
  if (typeof text !== "string") refuse("splitSentences", "text must be a string", text);
  const sentences: string[] = [];
  let start = 0;
  const cut = (end: number) => {
    const sentence = strip(text.slice(start, end));
    if (sentence !== "") sentences.push(sentence);
    start = end;
  };
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\n") {
      cut(i);
    } else if (FULL_WIDTH_ENDS.has(text[i])) {
      i = skip(text, i + 1, (c) => FULL_WIDTH_ENDS.has(c) || ENDS.has(c) || CLOSING.has(c)) - 1;
      cut(i + 1);
    } else if (ENDS.has(text[i])) {
      const afterMarks = skip(text, i + 1, (c) => ENDS.has(c));
      const end = skip(text, afterMarks, (c) => CLOSING.has(c));
      const single = text[i] === "." && afterMarks === i + 1;
      if (opensSentence(text, end) && !(single && endsAbbreviation(text, start, i))) cut(end);
      i = end - 1;
    }
  }
  cut(text.length);
  return sentences;
}

function skip(text: string, from: number, fits: (character: string) => boolean): number {
  let at = from;
  while (at < text.length && fits(text[at])) at++;
  return at;
}

/** Whether a sentence may begin at `at`: behind white space, with something other than a small letter. */
function opensSentence(text: string, at: number): boolean {
  if (at === text.length) return true;
  if (!isPythonSpace(text.charCodeAt(at))) return false;
  let next = at;
  while (next < text.length && isPythonSpace(text.charCodeAt(next))) {
    if (text[next] === "\n") return true;
    next++;
  }
  return next === text.length || !/\p{Ll}/u.test(String.fromCodePoint(text.codePointAt(next)!));
}

const LONGEST_ABBREVIATION = 8;

function endsAbbreviation(text: string, sentenceStart: number, period: number): boolean {
  const least = Math.max(sentenceStart, period - LONGEST_ABBREVIATION);
  let start = period;
  while (start > least && /[\p{L}.]/u.test(text[start - 1])) start--;
  if (start > sentenceStart && /[\p{L}\p{N}.]/u.test(text[start - 1])) return false; // a longer word
  const word = text.slice(start, period);
  return /^\p{Lu}$/u.test(word) || ABBREVIATIONS.has(word.toLowerCase());
}
