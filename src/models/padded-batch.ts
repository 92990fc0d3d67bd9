// Rectangles with padding, as other libraries' collators make them, to ragged examples.
import { AthanorError } from "../errors.js";
import type { Example } from "./batch.js";

/** Rows of the same length; `attentionMask` is 1 for real tokens, everything is real without it. */
export interface PaddedInputs {
  inputIds: readonly ArrayLike<number>[];
  attentionMask?: readonly ArrayLike<number>[];
  tokenTypeIds?: readonly ArrayLike<number>[];
  positionIds?: readonly ArrayLike<number>[];
  /** One number per row, or one per token. */
  labels?: readonly (number | ArrayLike<number>)[];
}

const PER_TOKEN = ["inputIds", "tokenTypeIds", "positionIds"] as const;

/**
 * The rows of a padded batch as examples without their padding, for `model.collate`. Padding may be on either side;
 * labels as long as the rows lose theirs, others stay as they are.
 *
 * @throws ERR_ARGUMENT naming the row: none, lengths that differ, a row of padding alone
 * @example
 * model.collate(paddedBatch({ inputIds: [[5, 6, 0]], attentionMask: [[1, 1, 0]], labels: [1] }));
 */
export function paddedBatch(inputs: PaddedInputs): Example[] {
  const { inputIds, attentionMask, labels } = inputs;
  if (!Array.isArray(inputIds) || inputIds.length === 0) throw fault("inputIds must have rows, got none");
  for (const [name, rows] of Object.entries(inputs)) {
    if (rows !== undefined && rows.length !== inputIds.length)
      throw fault(`${name} must have ${inputIds.length} rows, got ${rows.length}`);
  }
  return inputIds.map((ids, row) => {
    const mask = attentionMask?.[row];
    const kept = (name: string, values: ArrayLike<number>): number[] => {
      if (values.length !== ids.length || (mask && mask.length !== ids.length)) {
        throw fault(`row ${row}: ${name} and attentionMask must be ${ids.length} long, got ${values.length}`);
      }
      return Array.from(values).filter((_, i) => !mask || Number(mask[i]) !== 0);
    };
    const example: Example = {};
    for (const name of PER_TOKEN) {
      const values = inputs[name]?.[row];
      if (values !== undefined) example[name] = kept(name, values);
    }
    if (example.inputIds?.length === 0) throw fault(`row ${row} must have a token, got padding alone`);
    const label = labels?.[row];
    if (label === undefined) return example;
    const perToken = typeof label !== "number" && label.length === ids.length;
    return { ...example, labels: perToken ? kept("labels", label) : label };
  });
}

function fault(message: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `paddedBatch: ${message}`);
}
