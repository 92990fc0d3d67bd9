// Classification: what Transformers' default_data_collator and DataCollatorWithPadding make of examples.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { idsOf } from "../task.js";
import { type PaddingTokens, type Rectangle, type RectangleOptions, rectangleOf } from "./rectangle.js";

/** Rows of one length with a label each. */
export interface LabelledRectangle extends Omit<Rectangle, "labels"> {
  /** Classes (integers), numbers, or a row of numbers per example. */
  labels?: Int32Array | Float32Array | Float32Array[];
}

/**
 * Examples that already have one length as a rectangle: nothing is filled up.
 *
 * @throws ERR_ARGUMENT naming the example that is longer or shorter than the first
 * @example
 * defaultCollator([{ inputIds: [2, 7, 3], labels: 1 }]); // { inputIds: [Int32Array [2, 7, 3]], ..., labels: Int32Array [1] }
 */
export function defaultCollator(examples: readonly Example[]): LabelledRectangle {
  const who = "defaultCollator";
  const width = examples.length === 0 ? 0 : idsOf(examples[0]).length;
  examples.forEach((example, i) => {
    const { length } = idsOf(example);
    if (length === width) return;
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: example ${i} must have ${width} tokens as the first one, got ${length}; paddingCollator fills up`,
    );
  });
  // No token is filled in, so any would do.
  return labelled(who, examples, { padTokenId: 0 }, { padding: "longest" });
}

/** What padding needs beside how. */
export interface PaddingCollatorOptions {
  tokenizer: PaddingTokens;
}

/**
 * A function that fills examples up to one length, with `padding`; without, it gives them as they are, of their own
 * lengths, as models take them.
 *
 * @throws ERR_ARGUMENT for a tokenizer without padding token, and examples longer than `maxLength`
 * @example
 * const collate = paddingCollator({ tokenizer, padding: "longest", padToMultipleOf: 8 });
 * const { inputIds, attentionMask, labels } = collate(examples);
 */
export function paddingCollator(
  options: PaddingCollatorOptions & RectangleOptions,
): (examples: readonly Example[]) => LabelledRectangle;
export function paddingCollator(
  options: PaddingCollatorOptions & { padding?: false },
): (examples: readonly Example[]) => Example[];
export function paddingCollator(
  options: PaddingCollatorOptions & (RectangleOptions | { padding?: false }),
): (examples: readonly Example[]) => Example[] | LabelledRectangle {
  const { padding } = options;
  if (padding === undefined || padding === false) return (examples) => examples.map(raggedExample);
  return (examples) => labelled("paddingCollator", examples, options.tokenizer, { ...options, padding });
}

function labelled(
  who: string,
  examples: readonly Example[],
  tokenizer: PaddingTokens,
  options: RectangleOptions,
): LabelledRectangle {
  const { inputIds, attentionMask, tokenTypeIds } = rectangleOf(
    who,
    examples.map(({ labels: _, ...example }) => example),
    tokenizer,
    options,
  );
  const labels = labelsOf(who, examples);
  return { inputIds, attentionMask, tokenTypeIds, ...(labels && { labels }) };
}

/** One label per example: all have one or none has. Integers stay integers, as the kind of loss depends on it. */
function labelsOf(who: string, examples: readonly Example[]): LabelledRectangle["labels"] {
  const labels = examples.map((example) => example.labels);
  if (labels.every((label) => label === undefined)) return undefined;
  const missing = labels.indexOf(undefined);
  if (missing >= 0) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: example ${missing} must have labels as others have, got none`,
    );
  }
  const numbers = labels.filter((label): label is number => typeof label === "number");
  if (numbers.length === 0) {
    return labels.map((label) => Float32Array.from(label as ArrayLike<number>));
  }
  if (numbers.length < labels.length) {
    throw new AthanorError("ERR_ARGUMENT", `${who}: labels must be all numbers or all lists, got both`);
  }
  return numbers.every(Number.isInteger) ? Int32Array.from(numbers) : Float32Array.from(numbers);
}

/** An example, or an Encoding, with nothing but what models read. */
export function raggedExample(example: Example): Example {
  const { labels, positionIds } = example;
  const tokenTypeIds = example.tokenTypeIds ?? example.typeIds;
  return {
    inputIds: idsOf(example),
    ...(tokenTypeIds && { tokenTypeIds }),
    ...(positionIds && { positionIds }),
    ...(labels !== undefined && { labels }),
  };
}
