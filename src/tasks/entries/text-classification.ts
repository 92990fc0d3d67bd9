// The row of the table for text classification.
import { classLabels } from "../../data/index.js";
import { AthanorError } from "../../errors.js";
import { AutoModelForSequenceClassification } from "../../models/index.js";
import type { DataRow } from "../../training/task.js";
import { factoryOptions, settingOf, type TaskEntry, type TaskSettings } from "../entry.js";
import { textClassification } from "../text-classification.js";

const PROBLEMS = {
  "single-label": "single_label_classification",
  "multi-label": "multi_label_classification",
  regression: "regression",
} as const;

type Problem = keyof typeof PROBLEMS;

const options: TaskEntry["options"] = [
  { name: "textColumn", kind: "text", default: "text", column: "input", description: "column with the text" },
  {
    name: "pairColumn",
    kind: "text",
    default: "pair",
    column: "optional",
    description: "column with the second text, where rows have one",
  },
  {
    name: "labelColumn",
    kind: "text",
    default: "label",
    column: "label",
    description: "column with the label: a name, a list of names, or a number",
  },
  {
    name: "problem",
    kind: Object.keys(PROBLEMS),
    default: "single-label",
    elsewhere: true,
    description: "one class per text, any number of classes, or a number",
  },
  { name: "maxLength", kind: "integer", description: "most tokens of a text; longer ones are cut" },
  { name: "emptyText", kind: ["error", "accept"], default: "error", description: "what an empty text is" },
];

function problemOf(settings: TaskSettings): Problem {
  return settingOf({ options }, settings, "problem") as Problem;
}

/** Every name that any row lists, sorted. */
function listedLabels(rows: readonly DataRow[], column: string): string[] {
  const listed = rows.flatMap((row, index) => {
    const value = Object.hasOwn(row, column) ? (row as Record<string, unknown>)[column] : undefined;
    if (Array.isArray(value)) return value.map((label) => ({ label }));
    throw new AthanorError(
      "ERR_DATA",
      `text-classification: row ${index} column "${column}" must be a list of labels, got ${String(value)}`,
    );
  });
  return classLabels(listed, "label").labels;
}

export const textClassificationEntry: TaskEntry = {
  name: "text-classification",
  summary: "Gives a text, or a pair of texts, one class, several classes, or a number.",
  rows: "a text, for pairs a second one, and a label",
  example: "--tokenizer vocab.txt --train train.csv --eval test.csv --output my-classifier",
  auto: AutoModelForSequenceClassification,
  autoName: "AutoModelForSequenceClassification",
  options,
  make: (settings) => textClassification(factoryOptions({ options }, settings)),
  labels(rows, settings) {
    const column = String(settingOf({ options }, settings, "labelColumn"));
    const problem = problemOf(settings);
    if (problem === "regression") return ["score"];
    return problem === "multi-label" ? listedLabels(rows, column) : classLabels(rows, column).labels;
  },
  config: (settings) => ({ problem_type: PROBLEMS[problemOf(settings)] }),
  best: (settings) =>
    problemOf(settings) === "regression"
      ? { name: "mse", greaterIsBetter: false }
      : { name: "accuracy", greaterIsBetter: true },
  details: ["scores"],
};
