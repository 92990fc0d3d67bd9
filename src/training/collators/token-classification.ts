// The collator of token classification: a label per token.
import type { Example } from "../../models/batch.js";
import { type Collated, type Collator, layOut, type PaddingOptions } from "./collated.js";

/**
 * A collator for examples with one label per token. Ragged (default): `inputIds` (T), `labels` (T), `offsets` (B+1).
 * Padded: (B, L) with `attentionMask` and -100 for labels of padding, on the tokenizer's padding side, as
 * `DataCollatorForTokenClassification` of Transformers.
 *
 * @throws ERR_ARGUMENT naming the example, when the collator is called: labels of another number than tokens, or only
 *   in some examples
 * @example
 * const collate = tokenClassificationCollator({ tokenizer, padding: "longest" });
 */
export function tokenClassificationCollator(options: PaddingOptions = {}): Collator {
  const of = ({ labels }: Example) => labels as ArrayLike<number> | undefined;
  return (examples): Collated => layOut(examples, options, [{ name: "labels", of, padding: -100 }]);
}
