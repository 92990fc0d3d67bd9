// Text classification, single- or multi-label, and regression: columns `text`, `pair` (optional) and `label`
// in, label and scores out. GLUE's configurations by name.
import type { GlueName } from "../data/glue-tasks.js";
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "../training/task.js";
import { labelIds, modelLabels } from "./labels.js";
import { choiceOption, columnOf, rowFault, wholeOption } from "./rows.js";
import { bestOf, sigmoid, softmax } from "./scores.js";
import { glueClasses, glueConfig, glueScores } from "./text-classification/glue.js";
import {
  CLASS_METRICS,
  type ClassMetric,
  classScores,
  multiLabelScores,
  regressionScores,
} from "./text-classification/metrics.js";

export interface TextClassificationOptions {
  /** A configuration of GLUE decides columns, the meaning of label ids, and metrics. */
  glue?: GlueName;
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
  /**
   * Of texts with one class each; default ["accuracy"]. With two classes F1, precision and recall are those of class
   * 1, with more plain means over classes. Texts with several classes have accuracy, `f1Micro` and `f1Macro`, numbers
   * have `mse`, `pearson` and `spearman`.
   */
  metrics?: readonly ClassMetric[];
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

const TASK = "textClassification";

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
 * model with one class only, an empty text (see emptyText). With `glue` also ERR_ARGUMENT for a model with another
 * number of outputs; see glueModel().
 *
 * @example
 * const task = textClassification({ labelColumn: "intent" });
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 */
export function textClassification(options: TextClassificationOptions = {}): Task<TextClassification> {
  const settings = checked(options);
  return {
    name: "text-classification",
    async prepare(rows, context) {
      const labelOf = context.labels === "required" ? labelReader(context.model, settings) : undefined;
      const texts: TextOrPair[] = [];
      const labels: Example["labels"][] = [];
      for (const [index, row] of rows.entries()) {
        texts.push(textOf(row, index, settings));
        if (labelOf) labels.push(labelOf(columnOf(row, settings.labelColumn), index));
        if (index % 64 === 63) await context.rest();
      }
      const encoded = await encode(texts, settings.maxLength, context);
      return labelOf ? encoded.map((example, i) => ({ ...example, labels: labels[i] })) : encoded;
    },
    predict: ({ logits }, examples, model) =>
      predictions(logits, examples.length, model, problemOf(model, settings)),
    metrics: (predicted, examples, model) => scoresOf(predicted, examples, model, settings),
  };
}

type Settings = ReturnType<typeof checked>;

function checked(options: TextClassificationOptions) {
  const { glue, maxLength, metrics = ["accuracy"] } = options;
  const emptyText = choiceOption(TASK, "emptyText", options.emptyText ?? "error", ["error", "accept"]);
  const [text, pair] = glue === undefined ? ["text", "pair"] : glueConfig(glue).texts;
  for (const metric of metrics) choiceOption(TASK, "metrics", metric, CLASS_METRICS);
  return {
    textColumn: options.textColumn ?? text,
    pairColumn: options.pairColumn ?? pair,
    /** A row may do without its second text, unless GLUE has pairs. */
    needsPair: glue !== undefined && pair !== undefined,
    labelColumn: options.labelColumn ?? "label",
    maxLength: maxLength === undefined ? undefined : wholeOption(TASK, "maxLength", maxLength, 1),
    acceptEmpty: emptyText === "accept",
    ...{ glue, metrics },
  };
}

function scoresOf(
  predicted: readonly TextClassification[],
  examples: readonly Example[],
  model: TrainableModel,
  { glue, metrics, ...settings }: Settings,
): Record<string, number> {
  const problem = problemOf(model, { glue, ...settings });
  if (problem === "multi_label_classification") {
    const chosen = predicted.map(({ scores }) => Array.from(scores, (score) => score > 0.5));
    return multiLabelScores(
      chosen,
      examples.map(({ labels }) => labels as ArrayLike<number>),
    );
  }
  const labels = examples.map((example) => example.labels as number);
  if (problem === "regression") {
    const numbers = predicted.map(({ score }) => score);
    return glue ? glueScores(glue, numbers, labels) : regressionScores(numbers, labels);
  }
  const classes = predicted.map(({ scores }) => bestOf(scores));
  if (!glue) return classScores(metrics, classes, labels, modelLabels(model).length);
  // GLUE's metrics depend on its ids: F1 is that of class 1.
  const { toModel } = glueClasses(glue, model);
  const original = (ids: readonly number[]) => ids.map((id) => toModel.indexOf(id));
  return glueScores(glue, original(classes), original(labels));
}

async function encode(
  texts: readonly TextOrPair[],
  most: number | undefined,
  { tokenizer, model, rest }: PrepareContext,
): Promise<Example[]> {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
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

function textOf(row: DataRow, index: number, columns: Settings): TextOrPair {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const { textColumn, pairColumn, needsPair, acceptEmpty } = columns;
  const checkedText = (name: string): string => {
    const text = columnOf(row, name);
    if (typeof text !== "string") throw rowFault(TASK, index, name, "a text", text);
    if (!acceptEmpty && text.trim() === "")
      throw rowFault(TASK, index, name, "a text that is not empty", text);
    return text;
  };
  const text = checkedText(textColumn);
  if (pairColumn === undefined) return text;
  const pair = columnOf(row, pairColumn);
  const hasPair = needsPair || (pair !== undefined && pair !== null);
  return hasPair ? [text, checkedText(pairColumn)] : text;
}

type LabelReader = (value: unknown, row: number) => number | number[];

/** Reads labels as the model's config wants them. */
function labelReader(model: TrainableModel, settings: Settings): LabelReader {
  const { labelColumn: name, glue } = settings;
  const names = modelLabels(model);
  const problem = problemOf(model, settings);
  const classes = glue && glueClasses(glue, model);
  if (problem === "regression") {
    return (value, row) => {
      const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
      if (typeof number === "number" && Number.isFinite(number)) return number;
      throw rowFault(TASK, row, name, "a finite number", value);
    };
  }
  if (names.length < 2) {
    const needed = 'at least two labels, or problem_type "regression"';
    throw new AthanorError("ERR_DATA", `${TASK}: model needs ${needed}, got ${names.length} label`);
  }
  const ofModel = labelIds(names);
  const ofGlue = classes?.labels && labelIds(classes.labels);
  const find = (value: unknown): number | undefined => {
    if (!ofGlue) return ofModel(value);
    const id = ofGlue(value);
    return id === undefined ? undefined : classes.toModel[id];
  };
  const idOf = (value: unknown, row: number): number => {
    const id = find(value);
    if (id !== undefined) return id;
    throw rowFault(TASK, row, name, `one of the model's ${names.length} labels`, value);
  };
  if (problem === "single_label_classification") return idOf;
  return (value, row) => {
    if (!Array.isArray(value)) throw rowFault(TASK, row, name, "a list of labels", value);
    const bits = value.length === names.length && value.every((bit) => bit === 0 || bit === 1);
    if (bits) return value;
    const chosen = new Set(value.map((entry) => idOf(entry, row)));
    return names.map((_, id) => (chosen.has(id) ? 1 : 0));
  };
}

function problemOf(model: TrainableModel, { glue }: Pick<Settings, "glue">): Problem {
  if (glue && glueConfig(glue).labels === null) return "regression";
  return (model.config.problem_type as Problem | null | undefined) ?? "single_label_classification";
}

function predictions(
  logits: OutputValues,
  count: number,
  model: TrainableModel,
  problem: Problem,
): TextClassification[] {
  const names = modelLabels(model);
  const probabilities = {
    regression: (values: Float32Array) => values,
    single_label_classification: softmax,
    multi_label_classification: sigmoid,
  }[problem];
  return Array.from({ length: count }, (_, row) => {
    const scores = probabilities(logits.data.slice(row * names.length, (row + 1) * names.length));
    const best = bestOf(scores);
    return { label: names[best], score: scores[best], scores };
  });
}
