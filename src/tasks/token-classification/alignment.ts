// Words and tokens: which label each token learns, and what of an encoding predictions need.
import type { Example } from "../../models/batch.js";
import type { Encoding } from "../../tokenizers/encoding.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import { NOT_COUNTED, type Sentence } from "./sentences.js";

/** Which tokens of a word have a label: the first one, all the same, or all with "I-" after a first "B-". */
export type LabelTokens = "first" | "same" | "inside";

/** What predictions need of a tokenizer. */
export type PieceReader = Pick<
  Tokenizer,
  "idToToken" | "unkTokenId" | "continuingSubwordPrefix" | "decodeTokens"
>;

/** One window of a sentence; all of it, where it is not too long. */
export interface TokenExample extends Example {
  row: number;
  inputIds: Int32Array;
  /** What is not needed to train. */
  source?: { sentence: Sentence; encoding: Encoding; tokenizer: PieceReader };
}

/**
 * One label per token: -100 for special tokens, and for what is not a word's first token unless all are labelled
 * (`tokenize_and_align_labels` of Transformers' token classification examples).
 *
 * @param tags the label of each word
 * @param inside for each label the one of a word's further tokens
 */
export function alignedLabels(
  wordIds: readonly (number | null)[],
  tags: ArrayLike<number>,
  inside: ArrayLike<number> | "none",
): Int32Array {
  let previous: number | null = null;
  return Int32Array.from(wordIds, (word) => {
    const isFirst = word !== previous;
    previous = word;
    if (word === null) return NOT_COUNTED;
    const tag = tags[word];
    if (isFirst || tag === NOT_COUNTED) return tag;
    return inside === "none" ? NOT_COUNTED : inside[tag];
  });
}

/** For each label that of a word's further tokens. */
export function furtherLabels(names: readonly string[], how: LabelTokens): Int32Array | "none" {
  if (how === "first") return "none";
  return Int32Array.from(names, (name, id) => {
    const continued = how === "inside" && name.startsWith("B-") ? names.indexOf(`I-${name.slice(2)}`) : -1;
    return continued < 0 ? id : continued;
  });
}

/** The text that a token stands for: start and end in the sentence's text, in UTF-16 code units. */
export function tokenSpan(
  encoding: Encoding,
  token: number,
  sentence: Sentence,
): [start: number, end: number] {
  const { offsets, wordIds } = encoding;
  const word = wordIds[token];
  const base = sentence.words && word !== null ? sentence.starts[word] : 0;
  return [base + offsets[2 * token], base + offsets[2 * token + 1]];
}
