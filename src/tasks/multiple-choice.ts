// Multiple choice: a context and any number of endings in, the best one out. SWAG, CODAH and data of that kind; every
// ending is a sequence of its own, as long as it is.
import { AthanorError } from "../errors.js";
import { accuracy } from "../metrics/index.js";
import type { Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import type { DataRow, OutputValues, PrepareContext, Task } from "../training/task.js";
import { bestOf, softmax } from "./class-scores.js";
import { type ChoiceColumns, choiceTexts, labelOf, TASK } from "./multiple-choice/columns.js";
import { checkOptions, headFault, wholeOption } from "./rows.js";

const OPTIONS = [
  ...["contextColumn", "beginningColumn", "choicesColumn", "endingColumns", "labelColumn", "maxLength"],
] as (keyof MultipleChoiceOptions)[];

export interface MultipleChoiceOptions extends ChoiceColumns {
  /** Most tokens of a context with one ending, at most what tokenizer and model take; longer pairs are cut. */
  maxLength?: number;
}

/** The prediction for one row. */
export interface MultipleChoice {
  /** The best choice, from 0. */
  choice: number;
  /** Its probability. */
  score: number;
  /** Of every choice. */
  scores: Float32Array;
}

// Rows per call of the tokenizer; see text classification.
const ROWS_PER_CALL = 128;

/**
 * The task of AutoModelForMultipleChoice. Columns are found by themselves where they are those of SWAG (`sent1`,
 * `sent2`, `ending0`, `ending1`, ...), CODAH (`prompt`, `ending0`, ...) or plain (`context`, `question` if any, and a
 * list of `choices`); `label` is the number of the right one from 0. Rows may differ in how many choices they have.
 * A pair is the context and, after the begun sentence or the question if there is one, the ending, as Transformers'
 * SWAG example pairs them. Metrics: accuracy.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no context, fewer than two choices, an empty one, a label
 * that is none of them.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = multipleChoice();
 * const rows = [{ context: "It rains.", choices: ["Take an umbrella.", "Take a hat."], label: 0 }];
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 */
export function multipleChoice(options: MultipleChoiceOptions = {}): Task<MultipleChoice> {
  checkOptions(TASK, options, OPTIONS);
  const { maxLength, ...columns } = options;
  if (maxLength !== undefined) wholeOption(TASK, "maxLength", maxLength, 1);
  return {
    name: "multiple-choice",
    async prepare(rows, context) {
      const examples: Example[] = [];
      for (let first = 0; first < rows.length; first += ROWS_PER_CALL) {
        const part = rows.slice(first, first + ROWS_PER_CALL);
        examples.push(...(await examplesOf(part, first, columns, maxLength, context)));
        await context.rest();
      }
      return examples;
    },
    predict({ logits }, examples) {
      if (!logits) throw headFault(TASK, "AutoModelForMultipleChoice");
      return predictions(logits, examples);
    },
    metricNames: () => ["accuracy"],
    metrics(predicted, examples) {
      const wanted = examples.map(({ labels }) => labels as number);
      return {
        accuracy: accuracy(
          predicted.map(({ choice }) => choice),
          wanted,
        ),
      };
    },
  };
}

async function examplesOf(
  rows: readonly DataRow[],
  first: number,
  columns: ChoiceColumns,
  most: number | undefined,
  { tokenizer, model, labels: wanted }: PrepareContext,
): Promise<Example[]> {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const texts = rows.map((row, i) => choiceTexts(row, first + i, columns));
  const labels =
    wanted === "required"
      ? rows.map((row, i) => labelOf(row, first + i, columns, texts[i].length))
      : undefined;
  const maxLength = lengthLimit(tokenizer, model, most);
  const how = Number.isFinite(maxLength) ? ({ truncation: "longest_first", maxLength } as const) : {};
  const encodings = await tokenizer.encodeBatchAsync(texts.flat(), how);
  let next = 0;
  return texts.map((pairs, i) => {
    const choices = pairs.map(() => {
      const { ids, typeIds } = encodings[next++];
      return typeIds.some((id) => id !== 0) ? { inputIds: ids, tokenTypeIds: typeIds } : { inputIds: ids };
    });
    return labels ? { choices, labels: labels[i] } : { choices };
  });
}

/** One logit per choice, examples one after another. */
function predictions(logits: OutputValues, examples: readonly Example[]): MultipleChoice[] {
  let next = 0;
  return examples.map(({ choices = [] }) => {
    const scores = softmax(logits.data.slice(next, next + choices.length));
    next += choices.length;
    const choice = bestOf(scores);
    return { choice, score: scores[choice], scores };
  });
}
