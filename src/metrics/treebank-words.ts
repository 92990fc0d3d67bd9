// English words as NLTK's word_tokenize cuts one sentence (nltk/tokenize/destructive.py, version 3.10.3, itself after
// the Penn Treebank's rules), for lower-case text without the marks that CMRC's script removes first: - : _ * ^ / \ ~
// ` + = and curly closing quotes. NLTK would look for sentence ends in the text before; here it is one sentence.

import { isPythonSpace, splitWords } from "./python-text.js";

const WORD = "[\\p{L}\\p{N}_]"; // Python's \w
const CLITICS = `(?:re|ve|ll|m|t|s|d|n)(?!${WORD})`;
const OPENING_APOSTROPHE = new RegExp(`(?<!${WORD})'(?!${CLITICS})(?=${WORD})`, "giu");
const CONTRACTIONS = ["can not", "d 'ye", "gim me", "gon na", "got ta", "lem me", "more 'n"].map((parts) => {
  const [first, second] = parts.split(" ");
  return new RegExp(`(?<!${WORD})(${first})(${second})(?!${WORD})`, "giu");
});

/** The text with its tokens apart, to be split at white space. */
export function treebankWords(text: string): string {
  let line = text
    .replace(/[«‘„]/g, " $& ")
    .replace(/^"/, " `` ")
    .replace(/([ ([{<])(?:"|'')/g, "$1 `` ")
    .replace(OPENING_APOSTROPHE, "' ");
  line = separateFinalPeriod(line)
    .replace(/,(\P{Nd})/gu, " , $1")
    .replace(/,$/, " , ")
    .replace(/\.{2,}/g, " $& ")
    .replace(/[;@#$%&]/g, " $& ")
    .replace(/[\u2012-\u2015]/g, " $& ")
    .replace(/[?!]/g, " $& ")
    .replace(/([^'])' /g, "$1 ' ")
    .replace(/[\][(){}<>]/g, " $& ");
  line = ` ${line} `.replace(/»/g, " $& ").replaceAll("''", " '' ").replaceAll('"', " '' ");
  line = ` ${splitWords(line).join(" ")} `
    .replace(/([^' ])('[smd]|') /g, "$1 $2 ")
    .replace(/([^' ])('ll|'re|'ve|n't) /g, "$1 $2 ");
  for (const contraction of CONTRACTIONS) line = line.replace(contraction, " $1 $2 ");
  return line
    .replace(new RegExp(`(?<!${WORD})(wan)(na)(?=\\s)`, "giu"), " $1 $2 ")
    .replace(new RegExp(` ('t)(is|was)(?!${WORD})`, "giu"), " $1 $2 ");
}

const CLOSING = new Set("])}>\"'»”’ ");

// A regular expression for this backtracks through runs of white space
function separateFinalPeriod(text: string): string {
  let end = text.length;
  while (end > 0 && isPythonSpace(text.charCodeAt(end - 1))) end--;
  while (end > 0 && CLOSING.has(text[end - 1])) end--;
  const before = end - 2;
  if (before < 0 || text[end - 1] !== "." || text[before] === ".") return text;
  return `${text.slice(0, end - 1)} . ${text.slice(end)} `;
}
