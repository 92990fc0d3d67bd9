// The collators for one label per example.
import type { Example } from "../../models/batch.js";
import { type Collated, type Collator, exampleLabels, layOut, type PaddingOptions } from "./collated.js";

/**
 * Lays examples one after another, without padding: `inputIds` (T), `tokenTypeIds` (T), `offsets` (B+1), and `labels`
 * (B), or (B, classes) where examples have one number per class. Integers are Int32Array, other labels Float32Array.
 *
 * @throws ERR_ARGUMENT naming the example
 * @example
 * defaultCollator([{ inputIds: [5, 6], labels: 1 }, { inputIds: [7], labels: 0 }]).offsets.data; // [0, 2, 3]
 */
export function defaultCollator(examples: readonly Example[]): Collated {
  return { ...layOut(examples, {}), ...exampleLabels(examples) };
}

/**
 * A collator that makes rectangles (B, L) with an `attentionMask`, as `DataCollatorWithPadding` of Transformers;
 * `padding: false` is the default collator.
 *
 * @throws ERR_ARGUMENT, also when the collator is called
 * @example
 * const collate = paddingCollator({ tokenizer, padToMultipleOf: 8 });
 */
export function paddingCollator({ padding = "longest", ...options }: PaddingOptions): Collator {
  return (examples) => ({ ...layOut(examples, { ...options, padding }), ...exampleLabels(examples) });
}
