// sacreBLEU's tokenizers (sacrebleu/tokenizers, version 2.6.0): a line in, words between single spaces out. The
// rules are sequences of replacements in which a match uses up its characters, so their order and their overlaps
// are part of the definition.

import { refuse } from "./check.js";
import { splitWords, strip } from "./python-text.js";

/** The tokenizers that need no dictionary or model. */
export type BleuTokenizer = "13a" | "intl" | "zh" | "char" | "none";

const TOKENIZERS: Record<BleuTokenizer, (line: string) => string> = {
  "13a": tokenize13a,
  intl: tokenizeInternational,
  zh: tokenizeChinese,
  char: (line) => Array.from(line).join(" "),
  none: (line) => line,
};
// Known to sacreBLEU, but made of a MeCab dictionary or a SentencePiece model
const NOT_HERE = ["ja-mecab", "ko-mecab", "spm", "flores101", "flores200", "spBLEU-1K"];

/** The function of a tokenizer. ERR_ARGUMENT for a name that is unknown or needs files. */
export function bleuTokenizer(who: string, name: BleuTokenizer): (line: string) => string {
  if (Object.hasOwn(TOKENIZERS, name)) return TOKENIZERS[name];
  const names = Object.keys(TOKENIZERS).join(", ");
  if (!NOT_HERE.includes(name)) refuse(who, `tokenize must be one of ${names}`, name);
  const way = 'segment the texts first and pass tokenize: "none"';
  return refuse(who, `tokenize must be one of ${names} (others need a dictionary or model: ${way})`, name);
}

/** mteval-v13a, the default of WMT. */
function tokenize13a(line: string): string {
  let text = line;
  if (text.includes("<skipped>")) text = text.replaceAll("<skipped>", "");
  if (text.includes("\n")) text = text.replaceAll("-\n", "").replaceAll("\n", " ");
  if (text.includes("&")) {
    text = text
      .replaceAll("&quot;", '"')
      .replaceAll("&amp;", "&")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">");
  }
  return splitWestern(` ${text} `);
}

// ASCII but letters, digits, space, and the four that depend on their neighbours or stay: ' , - .
const PUNCTUATION = /[!-&(-+:-@/[-`{-~]/g;

/** What 13a and zh share: punctuation apart, except period and comma within numbers. */
function splitWestern(text: string): string {
  const apart = text
    .replace(PUNCTUATION, " $& ")
    .replace(/([^0-9])([.,])/g, "$1 $2 ")
    .replace(/([.,])([^0-9])/g, " $1 $2")
    .replace(/([0-9])-/g, "$1 - ");
  return splitWords(apart).join(" ");
}

/** mteval-v14's international tokenization, by Unicode category. */
function tokenizeInternational(line: string): string {
  const apart = line
    .replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
    .replace(/(\p{P})(\P{N})/gu, " $1 $2")
    .replace(/\p{S}/gu, " $& ");
  return splitWords(apart).join(" ");
}

// The reference compares strings where it means code points beyond U+FFFF, "\u20000" being U+2000 and "0": its
// two last ranges therefore cover U+2001 to U+2A6D (dashes, curly quotes, arrows, box drawing) and no ideograph
// beyond the basic plane. Scores published with it depend on that.
const CHINESE =
  /[\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef]/g;

/** Every Chinese character by itself, the rest as 13a does. */
function tokenizeChinese(line: string): string {
  return splitWestern(strip(line).replace(CHINESE, " $& "));
}
