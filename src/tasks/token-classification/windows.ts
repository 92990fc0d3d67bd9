// Examples of token classification: rows cut at their end, or into windows that overlap.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { lengthLimit } from "../../models/length-limit.js";
import type { TextOrPair } from "../../tokenizers/batch.js";
import type { Encoding } from "../../tokenizers/encoding.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import type { TrainableModel } from "../../training/task.js";
import { type Entity, entitiesOf } from "./entities.js";
import type { Settings } from "./settings.js";
import { TASK, type WordText, wordsOfTokens } from "./words.js";

/** An example: a row, or a window of one. */
export interface TaggedWindow extends Example {
  inputIds: Int32Array;
  row: number;
  /** What results are made of; left out of windows to train on. */
  source?: WindowSource;
}

/** What a window's predictions need beside its scores. */
export interface WindowSource {
  words: WordText;
  /** For each word that begins in the window its number and its first token, two numbers per word. */
  firstTokens: Int32Array;
  /** The entities of the window, by the probabilities of each token's labels. */
  entities(scores: readonly Float32Array[], labels: readonly string[]): Entity[];
}

export interface WindowOptions {
  /** Tokens of a window; Infinity for no limit. */
  maxLength: number;
  /** Tokens that neighbouring windows share; undefined: one window, cut at its end. */
  stride: number | undefined;
}

/**
 * How rows are cut, by the options, the tokenizer and the model.
 *
 * @throws ERR_ARGUMENT when special tokens and stride leave no room for more
 */
export function windowOptions(
  tokenizer: Tokenizer,
  model: TrainableModel,
  { maxLength, stride }: Settings,
): WindowOptions {
  const most = lengthLimit(tokenizer, model);
  if (maxLength === undefined && stride === undefined) return { maxLength: most, stride };
  const length = Math.min(maxLength ?? most, most);
  const specials = tokenizer.encode("", { truncation: false, padding: false }).length;
  const needed = specials + (stride ?? 0) + 1;
  if (length >= needed) return { maxLength: length, stride };
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${TASK}: maxLength must be at least ${needed}, for ${specials} special tokens, the stride and one more, got ${length}`,
  );
}

/** The tokens of texts, or of texts given as words: the windows of each. */
export async function encodedWindows(
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  areWords: boolean,
  { maxLength, stride }: WindowOptions,
): Promise<Encoding[][]> {
  const limit = Number.isFinite(maxLength)
    ? ({ truncation: "longest_first", truncationSide: "right", maxLength } as const)
    : ({ truncation: false } as const);
  const windows = stride !== undefined && Number.isFinite(maxLength) ? { stride, returnOverflow: true } : {};
  const how = { ...limit, ...windows, padding: false, isSplitIntoWords: areWords } as const;
  const encodings = await tokenizer.encodeBatchAsync(texts, how);
  return encodings.map((encoding) => [encoding, ...encoding.overflowing]);
}

/** Whether a window's first token goes on with a word that the window before began: it does not begin it. */
export function continuesWord(windows: readonly Encoding[], number: number, stride: number): boolean {
  if (number === 0) return false;
  const before = contentWords(windows[number - 1]);
  const [first] = contentWords(windows[number]);
  return before[before.length - stride - 1] === first;
}

/** The words of the tokens of the text, one entry per token. */
function contentWords({ wordIds, specialTokensMask }: Encoding): (number | null)[] {
  return wordIds.filter((_, i) => specialTokensMask[i] === 0);
}

/**
 * For each word that begins in a window its number and its first token, two numbers per word.
 *
 * @param continues whether the first token goes on with a word of the window before
 */
export function firstTokensOf(wordIds: readonly (number | null)[], continues: boolean): Int32Array {
  const found: number[] = [];
  let last: number | null = continues ? (wordIds.find((word) => word !== null) ?? null) : null;
  wordIds.forEach((word, i) => {
    if (word === null) return;
    if (word !== last) found.push(word, i);
    last = word;
  });
  return Int32Array.from(found);
}

/** What predictions of a window need. */
export function windowSource(
  encoding: Encoding,
  words: WordText,
  areWords: boolean,
  continues: boolean,
  tokenizer: Tokenizer,
  { aggregation, ignoreLabels }: Settings,
): WindowSource {
  const wordIds = wordsOfTokens(encoding);
  const offsets = Int32Array.from(encoding.offsets);
  wordIds.forEach((word, i) => {
    if (word === null || !areWords) return;
    offsets[2 * i] += words.places[2 * word];
    offsets[2 * i + 1] += words.places[2 * word];
  });
  const { ids, tokens, specialTokensMask } = encoding;
  return {
    words,
    firstTokens: firstTokensOf(wordIds, continues),
    entities(scores, labels) {
      const window = { text: words.text, tokens, ids, offsets, specialTokensMask, scores };
      return entitiesOf(window, tokenizer, labels, aggregation, ignoreLabels);
    },
  };
}
