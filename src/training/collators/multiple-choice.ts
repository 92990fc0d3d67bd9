// The collator of multiple choice: every choice is a sequence.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { type Collated, type Collator, exampleLabels, layOut, type PaddingOptions } from "./collated.js";

/**
 * A collator for examples with `choices`. Ragged (default): the choices of all examples one after another, with
 * `choiceOffsets` (B+1) saying where each example's begin; examples may differ in how many they have. Padded: (B,
 * choices, L) as `DataCollatorForMultipleChoice` of Transformers, which needs as many choices of each. `labels` (B).
 *
 * @throws ERR_ARGUMENT naming the example, when the collator is called
 * @example
 * const collate = multipleChoiceCollator({ tokenizer, padding: "longest" });
 */
export function multipleChoiceCollator(options: PaddingOptions = {}): Collator {
  return (examples) => {
    const counts = examples.map((example, b) => {
      if (example.choices?.length) return example.choices.length;
      throw fault(`example ${b} must have choices, got ${Object.keys(example).join(", ") || "nothing"}`);
    });
    const collated = layOut(
      examples.flatMap((example) => example.choices as Example[]),
      options,
    );
    return { ...byExample(collated, counts), ...exampleLabels(examples) };
  };
}

function byExample(collated: Collated, counts: readonly number[]): Collated {
  if (collated.offsets) {
    const data = new Int32Array(counts.length + 1);
    counts.forEach((count, b) => {
      data[b + 1] = data[b] + count;
    });
    return { ...collated, choiceOffsets: { data, shape: [data.length] } };
  }
  const [count] = counts;
  const other = counts.findIndex((each) => each !== count);
  if (other >= 0) {
    throw fault(
      `example ${other} must have ${count} choices to be padded, as the first, got ${counts[other]}`,
    );
  }
  const entries = Object.entries(collated).map(([name, { data, shape }]) => {
    return [name, { data, shape: [counts.length, count, shape[1]] }];
  });
  return Object.fromEntries(entries);
}

function fault(message: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `collate: ${message}`);
}
