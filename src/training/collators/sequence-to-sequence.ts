// The collator of pairs of sequences: sources, and targets of other lengths.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { type Collated, type Collator, layOut, type PaddingOptions } from "./collated.js";

/** How a target is padded. */
export interface SequenceToSequencePadding extends PaddingOptions {
  /** Columns of targets for "max_length"; default maxLength. */
  maxTargetLength?: number;
}

/**
 * A collator for examples whose `labels` are a sequence of their own. Ragged (default): `inputIds` (T) with `offsets`
 * (B+1), `labels` (U) with `labelOffsets` (B+1), and `decoderInputIds` (U) where examples have them. Padded: (B, L) with
 * `attentionMask`, labels (B, M) filled up with -100 on the tokenizer's side, as `DataCollatorForSeq2Seq` of Transformers.
 *
 * @throws ERR_ARGUMENT naming the example, when the collator is called: labels, or decoderInputIds, only in some
 * @example
 * const collate = sequenceToSequenceCollator({ tokenizer, padding: "longest" });
 */
export function sequenceToSequenceCollator(options: SequenceToSequencePadding = {}): Collator {
  const { maxTargetLength = options.maxLength, ...padding } = options;
  const { tokenizer } = padding;
  const target = (padTokenId: number | null): PaddingOptions => ({
    ...padding,
    maxLength: maxTargetLength,
    tokenizer: { padTokenId, paddingSide: tokenizer?.paddingSide ?? "right" },
  });
  return (examples) => {
    const sources = layOut(
      examples.map(({ labels: _, ...source }) => source),
      padding,
    );
    return {
      ...sources,
      ...targets(examples, "labels", target(-100)),
      ...targets(examples, "decoderInputIds", target(tokenizer ? tokenizer.padTokenId : 0)),
    };
  };
}

function targets(
  examples: readonly Example[],
  name: "labels" | "decoderInputIds",
  options: PaddingOptions,
): Collated {
  const of = (example: Example) =>
    (example as Record<string, unknown>)[name] as ArrayLike<number> | undefined;
  if (examples.every((example) => of(example) === undefined)) return {};
  const sequences = examples.map((example, b) => {
    const inputIds = of(example);
    if (inputIds !== undefined && typeof inputIds !== "number") return { inputIds };
    const came = inputIds === undefined ? "none" : "a number";
    throw new AthanorError("ERR_ARGUMENT", `collate: example ${b}: ${name} must be a sequence, got ${came}`);
  });
  const { inputIds, offsets } = layOut(sequences, options);
  return { [name]: inputIds, ...(offsets && name === "labels" && { labelOffsets: offsets }) };
}
