// Windows: a context that is too long is cut into overlapping pieces, each an example of its own beside the question.
// Positions of characters become positions of tokens by the offsets (Transformers' run_qa.py, prepare_train_features
// and prepare_validation_features).
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import type { TextOrPair } from "../../tokenizers/batch.js";
import type { Encoding } from "../../tokenizers/encoding.js";
import type { BatchOptions } from "../../tokenizers/options.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import { rowFault } from "../rows.js";
import { type Answer, type Question, TASK } from "./questions.js";

/** An example: the question and a piece of its context. */
export interface Window extends Example {
  inputIds: Int32Array;
  row: number;
  /** Where the token lies that stands for "no answer": CLS, else BOS, else the first. */
  nullPosition: number;
  /**
   * Start and end of each token of the context, two numbers per token, in UTF-16 units of the whole context; -1
   * for other tokens. Left out of windows to train on.
   */
  offsets?: Int32Array;
  /** The row's id, likewise. */
  id?: string;
}

export interface WindowOptions {
  /** Tokens of a window. */
  maxLength: number;
  /** Tokens that neighbouring windows share. */
  stride: number;
  contextFirst: boolean;
}

/** The tokens of the windows of each question. @throws ERR_DATA naming a row whose question leaves no room */
export async function windowsOf(
  tokenizer: Tokenizer,
  questions: readonly Question[],
  options: WindowOptions,
): Promise<Encoding[][]> {
  const { maxLength, stride, contextFirst } = options;
  const pairs = questions.map(
    ({ question, context }): TextOrPair => (contextFirst ? [context, question] : [question, context]),
  );
  const how: BatchOptions = {
    truncation: contextFirst ? "only_first" : "only_second",
    ...{ maxLength, stride, returnOverflow: true, padding: false },
  };
  try {
    const encodings = await tokenizer.encodeBatchAsync(pairs, how);
    return encodings.map((encoding) => [encoding, ...encoding.overflowing]);
  } catch (error) {
    throw rowOfFailure(tokenizer, questions, pairs, how) ?? error;
  }
}

/** The tokenizer does not say which row of a batch it refused. */
function rowOfFailure(
  tokenizer: Tokenizer,
  questions: readonly Question[],
  pairs: readonly TextOrPair[],
  how: BatchOptions,
): AthanorError | undefined {
  for (const [i, { row, question }] of questions.entries()) {
    try {
      tokenizer.encodeBatch([pairs[i]], how);
    } catch (cause) {
      if ((cause as { code?: string }).code !== "ERR_ARGUMENT") return undefined;
      const tokens = tokenizer.encode(question, { addSpecialTokens: false, truncation: false }).length;
      const needed = `room for more of its context than the stride of ${how.stride} tokens in a window of ${how.maxLength}`;
      return new AthanorError(
        "ERR_DATA",
        `${TASK}: row ${row} must leave ${needed}, got a question of ${tokens} tokens`,
        { cause },
      );
    }
  }
  return undefined;
}

/** Where the token lies that stands for "no answer". */
function nullPosition(ids: Int32Array, tokenizer: Tokenizer): number {
  for (const id of [tokenizer.clsTokenId, tokenizer.bosTokenId]) {
    const at = id === null ? -1 : ids.indexOf(id);
    if (at !== -1) return at;
  }
  return 0;
}

/**
 * First and last token of an answer; undefined when the window does not hold all of it.
 *
 * The reference's own loop runs past the end of the context for an answer that begins in the window's last token
 * and takes a special token, or padding, for its start; here it is that last token.
 */
export function tokenSpan(
  offsets: Int32Array,
  [begin, end]: readonly [number, number],
  { start, text }: Answer,
): [first: number, last: number] | undefined {
  const stop = start + text.length;
  if (offsets[2 * begin] > start || offsets[2 * (end - 1) + 1] < stop) return undefined;
  let first = begin;
  while (first + 1 < end && offsets[2 * (first + 1)] <= start) first++;
  let last = end - 1;
  while (last - 1 >= begin && offsets[2 * (last - 1) + 1] >= stop) last--;
  return [first, last];
}

/** What else an example holds beside its tokens. */
export interface WindowContent {
  /** The answer to learn, null for none; undefined when there is nothing to learn. */
  answer?: Answer | null;
  /** The window is predicted from. */
  predicted: boolean;
  contextFirst: boolean;
}

/** The example of a window. @throws ERR_DATA for a context without a single token */
export function windowExample(
  encoding: Encoding,
  question: Question,
  tokenizer: Tokenizer,
  { answer, predicted, contextFirst }: WindowContent,
): Window {
  const { ids, typeIds, offsets } = encoding;
  const { row, id } = question;
  const context = contextTokens(encoding, question, contextFirst);
  const window: Window = { inputIds: ids, row, nullPosition: nullPosition(ids, tokenizer) };
  if (typeIds.some((type) => type !== 0)) window.tokenTypeIds = typeIds;
  if (answer !== undefined) {
    // A question without an answer, and a window that holds only a part of it or nothing, point at the null token.
    const span = answer === null ? undefined : tokenSpan(offsets, context, answer);
    const [first, last] = span ?? [window.nullPosition, window.nullPosition];
    Object.assign(window, { startPosition: first, endPosition: last });
  }
  if (predicted) {
    const [begin, end] = context;
    window.offsets = new Int32Array(offsets.length).fill(-1);
    window.offsets.set(offsets.subarray(2 * begin, 2 * end), 2 * begin);
    window.id = id;
  }
  return window;
}

/** Which tokens of a window belong to the context: from the first to before the last. */
function contextTokens(
  encoding: Encoding,
  { row, context }: Question,
  contextFirst: boolean,
): [begin: number, end: number] {
  const sequences = encoding.sequenceIds;
  const wanted = contextFirst ? 0 : 1;
  const begin = sequences.indexOf(wanted);
  if (begin === -1) throw rowFault(TASK, row, "context", "a text that has tokens", context);
  return [begin, sequences.lastIndexOf(wanted) + 1];
}
