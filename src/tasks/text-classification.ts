// Text classification, single- or multi-label, and regression: columns `text`, `pair` (optional) and `label`
// in, label and scores out. GLUE-like data fits as it is.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "../training/task.js";

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
}

/** The prediction for one row. */
export interface TextClassification {
  /** The name of the best class; of the only output for regression. */
  label: string;
  /** Its probability; the predicted number for regression. */
  score: number;
  /** In the order of label ids: probabilities, for regression the numbers. */
  scores: Float32Array;
}

type Problem = "regression" | "single_label_classification" | "multi_label_classification";

// Texts per call of the tokenizer. Most of an encoding is dropped at once: with thousands of them alive,
// pauses of the garbage collector reached 100 ms on a busy machine. Long texts still are enough for the
// tokenizer's threads.
const TEXTS_PER_CALL = 512;

/**
 * The task of AutoModelForSequenceClassification. Labels are names of `config.label2id`, ids, a list of names
 * (or a row of bits) where `problem_type` is multi-label, numbers for regression.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no text, a label that is missing or unknown, a
 * model with one class only, an empty text (see emptyText).
 *
 * @example
 * const task = textClassification({ labelColumn: "intent" });
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 */
export function textClassification(options: TextClassificationOptions = {}): Task<TextClassification> {
  const { textColumn = "text", pairColumn = "pair", labelColumn = "label", maxLength } = options;
  const { emptyText = "error" } = options;
  if (emptyText !== "error" && emptyText !== "accept") {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `textClassification: emptyText must be "error" or "accept", got ${String(emptyText)}`,
    );
  }
  const columns = { textColumn, pairColumn, acceptEmpty: emptyText === "accept" };
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength > 0)) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `textClassification: maxLength must be an integer from 1, got ${maxLength}`,
    );
  }
  return {
    name: "text-classification",
    async prepare(rows, context) {
      const labelOf = context.labels === "required" ? labelReader(context.model) : undefined;
      const texts: TextOrPair[] = [];
      const labels: Example["labels"][] = [];
      for (const [index, row] of rows.entries()) {
        texts.push(textOf(row, index, columns));
        if (labelOf) labels.push(labelOf(column(row, labelColumn), index, labelColumn));
        if (index % 64 === 63) await context.rest();
      }
      const encoded = await encode(texts, maxLength, context);
      return labelOf ? encoded.map((example, i) => ({ ...example, labels: labels[i] })) : encoded;
    },
    predict: ({ logits }, examples, model) => predictions(logits, examples.length, model),
    metrics(predicted, examples, model): Record<string, number> {
      const problem = problemOf(model);
      if (problem === "regression") return { mse: meanSquare(predicted, examples) };
      const right = predicted.filter(({ scores }, i) => isRight(scores, examples[i].labels, problem)).length;
      return { accuracy: right / predicted.length };
    },
  };
}

async function encode(
  texts: readonly TextOrPair[],
  most: number | undefined,
  { tokenizer, model, rest }: PrepareContext,
): Promise<Example[]> {
  if (!tokenizer)
    throw new AthanorError("ERR_ARGUMENT", "textClassification: tokenizer must be given, got none");
  const infinite = Number.POSITIVE_INFINITY;
  const maxLength = Math.min(most ?? infinite, tokenizer.modelMaxLength, model.maxLength ?? infinite);
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

function column(row: DataRow, name: string): unknown {
  return Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;
}

interface TextColumns {
  textColumn: string;
  pairColumn: string;
  acceptEmpty: boolean;
}

function textOf(row: DataRow, index: number, columns: TextColumns): TextOrPair {
  if (typeof row !== "object" || row === null) throw fault(index, "", "an object", row);
  const { textColumn, pairColumn, acceptEmpty } = columns;
  const checked = (name: string): string => {
    const text = column(row, name);
    if (typeof text !== "string") throw fault(index, ` column "${name}"`, "a text", text);
    if (!acceptEmpty && text.trim() === "")
      throw fault(index, ` column "${name}"`, "a text that is not empty", text);
    return text;
  };
  const text = checked(textColumn);
  const pair = column(row, pairColumn);
  return pair === undefined || pair === null ? text : [text, checked(pairColumn)];
}

/** Reads labels as the model's config wants them. */
function labelReader(
  model: TrainableModel,
): (value: unknown, row: number, name: string) => number | number[] {
  const names = labelNames(model);
  const problem = problemOf(model);
  const ids = new Map(names.map((name, id) => [name, id]));
  if (problem === "regression") {
    return (value, row, name) => {
      const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
      if (typeof number === "number" && Number.isFinite(number)) return number;
      throw fault(row, ` column "${name}"`, "a finite number", value);
    };
  }
  if (names.length < 2) {
    const needed = 'at least two labels, or problem_type "regression"';
    throw new AthanorError(
      "ERR_DATA",
      `textClassification: model needs ${needed}, got ${names.length} label`,
    );
  }
  const idOf = (value: unknown, row: number, name: string): number => {
    const id = ids.get(String(value));
    if (id !== undefined && value !== null && typeof value !== "object") return id;
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < names.length)
      return value as number;
    throw fault(row, ` column "${name}"`, `one of the model's ${names.length} labels`, value);
  };
  if (problem === "single_label_classification") return idOf;
  return (value, row, name) => {
    if (!Array.isArray(value)) throw fault(row, ` column "${name}"`, "a list of labels", value);
    const bits = value.length === names.length && value.every((bit) => bit === 0 || bit === 1);
    if (bits) return value;
    const chosen = new Set(value.map((entry) => idOf(entry, row, name)));
    return names.map((_, id) => (chosen.has(id) ? 1 : 0));
  };
}

/** The names of the model's classes by id. */
function labelNames(model: TrainableModel): string[] {
  const { id2label, num_labels: count = 2 } = model.config as {
    id2label?: Record<string, string>;
    num_labels?: number;
  };
  if (id2label) return Array.from(Object.keys(id2label), (_, id) => id2label[id] ?? `LABEL_${id}`);
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}

function problemOf(model: TrainableModel): Problem {
  return (model.config.problem_type as Problem | null | undefined) ?? "single_label_classification";
}

function predictions(logits: OutputValues, count: number, model: TrainableModel): TextClassification[] {
  const names = labelNames(model);
  const problem = problemOf(model);
  return Array.from({ length: count }, (_, row) => {
    const values = logits.data.slice(row * names.length, (row + 1) * names.length);
    const scores =
      problem === "regression"
        ? values
        : problem === "multi_label_classification"
          ? sigmoid(values)
          : softmax(values);
    const best = bestOf(scores);
    return { label: names[best], score: scores[best], scores };
  });
}

function bestOf(scores: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if (scores[id] > scores[best]) best = id;
  return best;
}

function softmax(values: Float32Array): Float32Array {
  const largest = values[bestOf(values)];
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function sigmoid(values: Float32Array): Float32Array {
  return values.map((value) => 1 / (1 + Math.exp(-value)));
}

function isRight(scores: Float32Array, labels: Example["labels"], problem: Problem): boolean {
  if (problem === "single_label_classification") return bestOf(scores) === labels;
  const bits = labels as ArrayLike<number>;
  return scores.every((score, id) => score > 0.5 === bits[id] > 0.5);
}

function meanSquare(predicted: readonly TextClassification[], examples: readonly Example[]): number {
  const sum = predicted.reduce(
    (total, { score }, i) => total + (score - (examples[i].labels as number)) ** 2,
    0,
  );
  return sum / predicted.length;
}

function fault(row: number, where: string, needed: string, came: unknown): AthanorError {
  const shown = typeof came === "string" ? JSON.stringify(came.slice(0, 60)) : String(came);
  return new AthanorError(
    "ERR_DATA",
    `textClassification: row ${row}${where} must be ${needed}, got ${shown}`,
  );
}
