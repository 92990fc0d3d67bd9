// Several sequences per row: what Transformers' DataCollatorForMultipleChoice makes of examples.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { defaultCollator, type LabelledRectangle, paddingCollator, raggedExample } from "./default.js";
import type { PaddingTokens, RectangleOptions } from "./rectangle.js";

const WHO = "multipleChoiceCollator";

/** For each row its choices, all of one length and equally many. */
export interface ChoiceRectangle {
  inputIds: Int32Array[][];
  /** 1 for tokens, 0 for padding. */
  attentionMask: Int32Array[][];
  tokenTypeIds: Int32Array[][];
  /** The number of the right choice of each row. */
  labels?: Int32Array;
}

export interface MultipleChoiceCollatorOptions {
  tokenizer: PaddingTokens;
}

/**
 * A function that fills all choices of all rows up to one length; without `padding` it gives rows with choices of
 * their own lengths and any number of them.
 *
 * @throws ERR_ARGUMENT for a row without choices, with `padding` for rows with different numbers of them, and as
 *   paddingCollator
 * @example
 * const collate = multipleChoiceCollator({ tokenizer, padding: "longest" });
 * const { inputIds, labels } = collate([{ choices: [{ inputIds: [2, 7, 3] }, { inputIds: [2, 3] }], labels: 0 }]);
 */
export function multipleChoiceCollator(
  options: MultipleChoiceCollatorOptions & RectangleOptions,
): (examples: readonly Example[]) => ChoiceRectangle;
export function multipleChoiceCollator(
  options: MultipleChoiceCollatorOptions & { padding?: false },
): (examples: readonly Example[]) => Example[];
export function multipleChoiceCollator(
  options: MultipleChoiceCollatorOptions & (RectangleOptions | { padding?: false }),
): (examples: readonly Example[]) => Example[] | ChoiceRectangle {
  const { padding } = options;
  return (examples) => {
    const rows = examples.map(choicesOf);
    if (padding === undefined || padding === false) {
      return rows.map((choices, i) => {
        const { labels } = examples[i];
        return { choices: choices.map(raggedExample), ...(labels !== undefined && { labels }) };
      });
    }
    const count = rows[0]?.length ?? 0;
    const other = rows.findIndex((choices) => choices.length !== count);
    if (other >= 0) {
      const came = rows[other].length;
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${WHO}: example ${other} must have ${count} choices to make a rectangle, got ${came}`,
      );
    }
    const flat = paddingCollator({ ...options, padding })(rows.flat());
    return unflattened(flat, count, labelsOf(examples));
  };
}

function choicesOf({ choices }: Example, i: number): Example[] {
  if (choices?.length) return choices.map(({ labels: _, ...choice }) => choice);
  throw new AthanorError("ERR_ARGUMENT", `${WHO}: example ${i} must have choices, got none`);
}

function labelsOf(examples: readonly Example[]): Int32Array | undefined {
  const { labels } = defaultCollator(examples.map((example) => ({ inputIds: [], labels: example.labels })));
  if (labels === undefined || labels instanceof Int32Array) return labels;
  throw new AthanorError("ERR_ARGUMENT", `${WHO}: labels must be integers, got others`);
}

function unflattened(
  flat: LabelledRectangle,
  count: number,
  labels: Int32Array | undefined,
): ChoiceRectangle {
  const inRows = (values: Int32Array[]): Int32Array[][] =>
    Array.from({ length: count === 0 ? 0 : values.length / count }, (_, row) =>
      values.slice(row * count, (row + 1) * count),
    );
  const { inputIds, attentionMask, tokenTypeIds } = flat;
  return {
    inputIds: inRows(inputIds),
    attentionMask: inRows(attentionMask),
    tokenTypeIds: inRows(tokenTypeIds),
    ...(labels && { labels }),
  };
}
