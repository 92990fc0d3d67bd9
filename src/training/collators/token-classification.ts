// One label per token: what Transformers' DataCollatorForTokenClassification makes of examples.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { idsOf } from "../task.js";
import { raggedExample } from "./default.js";
import { type PaddingTokens, type Rectangle, type RectangleOptions, rectangleOf } from "./rectangle.js";

const WHO = "tokenClassificationCollator";

export interface TokenClassificationCollatorOptions {
  tokenizer: PaddingTokens;
}

/**
 * A function that fills examples and their labels up to one length, labels with -100; without `padding` it gives
 * examples of their own lengths.
 *
 * @throws ERR_ARGUMENT for an example that has not one label per token, and as paddingCollator
 * @example
 * const collate = tokenClassificationCollator({ tokenizer, padding: "longest" });
 * const { inputIds, attentionMask, labels } = collate(examples);
 */
export function tokenClassificationCollator(
  options: TokenClassificationCollatorOptions & RectangleOptions,
): (examples: readonly Example[]) => Rectangle;
export function tokenClassificationCollator(
  options: TokenClassificationCollatorOptions & { padding?: false },
): (examples: readonly Example[]) => Example[];
export function tokenClassificationCollator(
  options: TokenClassificationCollatorOptions & (RectangleOptions | { padding?: false }),
): (examples: readonly Example[]) => Example[] | Rectangle {
  const { tokenizer, padding } = options;
  return (examples) => {
    examples.forEach(checkLabels);
    if (padding === undefined || padding === false) return examples.map(raggedExample);
    return rectangleOf(WHO, examples, tokenizer, { ...options, padding });
  };
}

function checkLabels({ labels, ...example }: Example, i: number, all: readonly Example[]): void {
  const tokens = idsOf(example).length;
  if (labels === undefined && all.every((other) => other.labels === undefined)) return;
  if (typeof labels === "object" && labels.length === tokens) return;
  const came = typeof labels === "object" ? `${labels.length} labels` : String(labels);
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${WHO}: example ${i} must have one label for each of ${tokens} tokens, got ${came}`,
  );
}
