// Text classification, single- or multi-label, and regression: columns `text`, `pair` (optional) and `label`
// in, label and scores out; the ten GLUE configurations by name.
import type { GlueName } from "../data/glue-tasks.js";
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { DataRow, PrepareContext, Task } from "../training/task.js";
import { checkOptions, choiceOption, columnOf, headFault, rowFault, wholeOption } from "./rows.js";
import {
  checkGlueModel,
  glueColumns,
  glueLabelReader,
  glueMetrics,
  glueScoreNames,
} from "./text-classification/glue.js";
import { labelReader, TASK } from "./text-classification/labels.js";
import {
  classificationMetricNames,
  classificationMetrics,
  predictions,
  type TextClassification,
} from "./text-classification/scores.js";

export interface TextClassificationOptions {
  /** Default "text". */
  textColumn?: string;
  /** The second text, where a row has one; default "pair". */
  pairColumn?: string;
  /** Default "label". */
  labelColumn?: string;
  /** Most tokens of a row, at most what tokenizer and model take; longer texts are cut at their end. */
  maxLength?: number;
  /** What a text of nothing but blanks is: mostly a defect of the data, so "error" (ERR_DATA) is the default. */
  emptyText?: "error" | "accept";
  /** A GLUE configuration: its columns (unless named above) and its metrics, as `readGlue` gives rows. */
  glue?: GlueName;
}

const OPTIONS = ["textColumn", "pairColumn", "labelColumn", "maxLength", "emptyText", "glue"] as const;

// Texts per call of the tokenizer. Most of an encoding is dropped at once: with thousands of them alive,
// pauses of the garbage collector reached 100 ms on a busy machine. Long texts still are enough for the
// tokenizer's threads.
const TEXTS_PER_CALL = 512;

/**
 * The task of AutoModelForSequenceClassification. Labels are names of `config.label2id`, ids, a list of names
 * (or a row of bits) where `problem_type` is multi-label, numbers for regression.
 *
 * Metrics: see classificationMetrics; with `glue` those of the benchmark.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no text, a label that is missing or unknown, a
 * model with one class only, an empty text (see emptyText); with ERR_ARGUMENT for a model that does not fit `glue`.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = textClassification({ labelColumn: "intent" });
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 */
export function textClassification(options: TextClassificationOptions = {}): Task<TextClassification> {
  checkOptions(TASK, options, OPTIONS);
  const { maxLength, emptyText = "error", glue } = options;
  const columns = { textColumn: "text", pairColumn: "pair", labelColumn: "label" };
  if (glue !== undefined) Object.assign(columns, glueColumns(glue));
  for (const name of ["textColumn", "pairColumn", "labelColumn"] as const)
    columns[name] = options[name] ?? columns[name];
  choiceOption(TASK, "emptyText", emptyText, ["error", "accept"]);
  if (maxLength !== undefined) wholeOption(TASK, "maxLength", maxLength, 1);
  const needsPair = glue !== undefined && glueColumns(glue).pairColumn !== undefined;
  const reading = { ...columns, needsPair, acceptEmpty: emptyText === "accept" };
  return {
    name: "text-classification",
    async prepare(rows, context) {
      if (glue !== undefined) checkGlueModel(glue, context.model);
      const reader = () => (glue ? glueLabelReader(glue, context.model) : labelReader(context.model));
      const labelOf = context.labels === "required" ? reader() : undefined;
      const texts: TextOrPair[] = [];
      const labels: Example["labels"][] = [];
      for (const [index, row] of rows.entries()) {
        texts.push(textOf(row, index, reading));
        if (labelOf) labels.push(labelOf(columnOf(row, columns.labelColumn), index, columns.labelColumn));
        if (index % 64 === 63) await context.rest();
      }
      const encoded = await encode(texts, maxLength, context);
      return labelOf ? encoded.map((example, i) => ({ ...example, labels: labels[i] })) : encoded;
    },
    predict({ logits }, examples, model) {
      if (!logits) throw headFault(TASK, "AutoModelForSequenceClassification");
      return predictions(logits, examples.length, model);
    },
    metricNames: (model) => (glue === undefined ? classificationMetricNames(model) : glueScoreNames(glue)),
    metrics(predicted, examples, model) {
      return glue === undefined
        ? classificationMetrics(predicted, examples, model)
        : glueMetrics(glue, predicted, examples, model);
    },
  };
}

async function encode(
  texts: readonly TextOrPair[],
  most: number | undefined,
  { tokenizer, model, rest }: PrepareContext,
): Promise<Example[]> {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const maxLength = lengthLimit(tokenizer, model, most);
  const how = Number.isFinite(maxLength) ? ({ truncation: "longest_first", maxLength } as const) : {};
  const examples: Example[] = [];
  for (let first = 0; first < texts.length; first += TEXTS_PER_CALL) {
    const encodings = await tokenizer.encodeBatchAsync(texts.slice(first, first + TEXTS_PER_CALL), how);
    for (const { ids, typeIds } of encodings) {
      // The other arrays of an encoding would hold several times the memory.
      examples.push(
        typeIds.some((id) => id !== 0) ? { inputIds: ids, tokenTypeIds: typeIds } : { inputIds: ids },
      );
      if (examples.length % 256 === 0) await rest();
    }
  }
  return examples;
}

interface TextColumns {
  textColumn: string;
  pairColumn: string;
  /** Whether a row without its second text is a defect. */
  needsPair: boolean;
  acceptEmpty: boolean;
}

function textOf(row: DataRow, index: number, columns: TextColumns): TextOrPair {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const { textColumn, pairColumn, needsPair, acceptEmpty } = columns;
  const checked = (name: string): string => {
    const text = columnOf(row, name);
    if (typeof text !== "string") throw rowFault(TASK, index, name, `a text${among(row, text)}`, text);
    if (!acceptEmpty && text.trim() === "")
      throw rowFault(TASK, index, name, "a text that is not empty", text);
    return text;
  };
  const text = checked(textColumn);
  const pair = columnOf(row, pairColumn);
  return needsPair || (pair !== undefined && pair !== null) ? [text, checked(pairColumn)] : text;
}

/** The columns that there are, where one is missing. */
function among(row: DataRow, came: unknown): string {
  return came === undefined ? ` (columns: ${Object.keys(row).join(", ")})` : "";
}
