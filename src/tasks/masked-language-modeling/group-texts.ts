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
  const blocks = new BlockMaker(
    length,
    examples.some(({ wordIds }) => wordIds),
  );
  examples.forEach((example, number) => {
    blocks.add(example, number);
  });
  return blocks.end(remainder);
}

/** Makes blocks of examples that come one by one. */
export class BlockMaker {
  readonly #blocks: Block[] = [];
  #ids: number[] = [];
  #special: number[] = [];
  #words: number[] = [];
  #row = 0;
  #wordsBefore = 0;

  constructor(
    private readonly length: number,
    private readonly withWords: boolean,
  ) {}

  /** @param number what the example's row is, where it does not say */
  add(example: MaskableExample, number: number): void {
    const { specialTokensMask, wordIds, row = number } = example;
    const ids = idsOf(example);
    let most = -1;
    for (let i = 0; i < ids.length; i++) {
      const word = wordIds?.[i] ?? -1;
      if (this.#ids.length === 0) this.#row = row;
      this.#ids.push(ids[i]);
      this.#special.push(specialTokensMask?.[i] ?? 0);
      this.#words.push(word < 0 ? -1 : this.#wordsBefore + word);
      most = Math.max(most, word);
      if (this.#ids.length === this.length) this.#close();
    }
    this.#wordsBefore += most + 1;
  }

  end(remainder: "drop" | "keep"): Block[] {
    const kept = remainder === "keep" || this.#blocks.length === 0;
    if (kept && this.#ids.length > 0) this.#close();
    return this.#blocks;
  }

  #close(): void {
    this.#blocks.push({
      inputIds: Int32Array.from(this.#ids),
      specialTokensMask: Uint8Array.from(this.#special),
      ...(this.withWords && { wordIds: Int32Array.from(this.#words) }),
      row: this.#row,
    });
    [this.#ids, this.#special, this.#words] = [[], [], []];
  }
}
