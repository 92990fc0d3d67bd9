// Texts laid one after another and cut into blocks of one length, as run_mlm.py does (group_texts).
import { AthanorError } from "../../errors.js";
import type { MaskableExample } from "../../training/collators/language-modeling.js";
import { idsOf } from "../../training/task.js";

export interface GroupOptions {
  /** What becomes of tokens that fill no block: left out (default, as in the reference), or a shorter block. */
  remainder?: "drop" | "keep";
}

/** A block of a text. */
export interface Block extends MaskableExample {
  inputIds: Int32Array;
  specialTokensMask: Uint8Array;
  wordIds?: Int32Array;
  /** The row of its first token. */
  row: number;
}

/**
 * Lays examples one after another and cuts them into blocks of `length` tokens. What is less than one block in all
 * stays a block. Words of different examples get different numbers.
 *
 * @throws ERR_ARGUMENT when `length` is no integer from 1
 * @example
 * const blocks = groupTexts(tokenizer.encodeBatch(texts), 128);
 */
export function groupTexts(
  examples: readonly MaskableExample[],
  length: number,
  { remainder = "drop" }: GroupOptions = {},
): Block[] {
  if (!Number.isSafeInteger(length) || length < 1)
    throw new AthanorError(
      "ERR_ARGUMENT",
      `groupTexts: length must be an integer from 1, got ${String(length)}`,
    );
  const total = examples.reduce((sum, example) => sum + idsOf(example).length, 0);
  const ids = new Int32Array(total);
  const special = new Uint8Array(total);
  const words = examples.some(({ wordIds }) => wordIds) ? new Int32Array(total).fill(-1) : undefined;
  const rows = new Int32Array(total);
  let at = 0;
  let wordsBefore = 0;
  examples.forEach((example, number) => {
    const own = idsOf(example);
    let most = -1;
    for (let i = 0; i < own.length; i++, at++) {
      ids[at] = own[i];
      special[at] = example.specialTokensMask?.[i] ?? 0;
      rows[at] = example.row ?? number;
      const word = example.wordIds?.[i] ?? -1;
      if (words && word >= 0) words[at] = wordsBefore + word;
      most = Math.max(most, word);
    }
    wordsBefore += most + 1;
  });
  const end = remainder === "keep" || total < length ? total : total - (total % length);
  const blocks: Block[] = [];
  for (let begin = 0; begin < end; begin += length) {
    const stop = Math.min(begin + length, end);
    blocks.push({
      inputIds: ids.slice(begin, stop),
      specialTokensMask: special.slice(begin, stop),
      ...(words && { wordIds: words.slice(begin, stop) }),
      row: rows[begin],
    });
  }
  return blocks;
}
