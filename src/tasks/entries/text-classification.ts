// The row of the table for text classification.
import { GLUE_CONFIGS, type GlueName } from "../../data/index.js";
import { AutoModelForSequenceClassification } from "../../models/index.js";
import { labelNames } from "../class-names.js";
import { factoryOptions, settingOf, type TaskEntry, type TaskSettings } from "../entry.js";
import { glueModelOptions } from "../text-classification/glue.js";
import { textLabelNames } from "../text-classification/labels.js";
import type { TextClassification } from "../text-classification/scores.js";
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
  {
    name: "glue",
    kind: Object.keys(GLUE_CONFIGS),
    description: "a configuration of GLUE: its columns, labels and metrics; .tsv files are as GLUE has them",
  },
  { name: "maxLength", kind: "integer", description: "most tokens of a text; longer ones are cut" },
  { name: "emptyText", kind: ["error", "accept"], default: "error", description: "what an empty text is" },
];

const entry = { options, defaults };

function glueOf(settings: TaskSettings): GlueName | undefined {
  return settings.glue as GlueName | undefined;
}

function defaults(settings: TaskSettings): TaskSettings {
  const glue = glueOf(settings);
  return glue === undefined ? {} : { textColumn: GLUE_CONFIGS[glue].texts[0] };
}

function problemOf(settings: TaskSettings): Problem {
  return settingOf(entry, settings, "problem") as Problem;
}

// GLUE names several metrics for some; the first decides, as in the benchmark's average for one number per task.
const GLUE_BEST: Partial<Record<GlueName, string>> = {
  cola: "matthewsCorrelation",
  ax: "matthewsCorrelation",
  stsb: "pearson",
};

export const textClassificationEntry: TaskEntry = {
  name: "text-classification",
  summary: "Gives a text, or a pair of texts, one class, several classes, or a number.",
  rows: "a text, for pairs a second one, and a label",
  example: "--tokenizer vocab.txt --train train.csv --eval test.csv --output my-classifier",
  auto: AutoModelForSequenceClassification,
  autoName: "AutoModelForSequenceClassification",
  options,
  defaults,
  make: (settings) => textClassification(factoryOptions({ options }, settings)),
  labels(rows, settings) {
    const glue = glueOf(settings);
    if (glue !== undefined) return glueModelOptions(glue).labels;
    if (problemOf(settings) === "regression") return ["score"];
    return textLabelNames(rows, String(settingOf(entry, settings, "labelColumn")));
  },
  config(settings) {
    const glue = glueOf(settings);
    return glue === undefined
      ? { problem_type: PROBLEMS[problemOf(settings)] }
      : glueModelOptions(glue).config;
  },
  best(settings) {
    const glue = glueOf(settings);
    if (glue !== undefined) return { name: GLUE_BEST[glue] ?? "accuracy", greaterIsBetter: true };
    if (problemOf(settings) === "regression") return { name: "mse", greaterIsBetter: false };
    return { name: problemOf(settings) === "multi-label" ? "f1_micro" : "accuracy", greaterIsBetter: true };
  },
  reading: (settings, file) =>
    settings.glue !== undefined && /\.tsv(\.gz)?$/i.test(file)
      ? { format: "glue", task: glueOf(settings) }
      : {},
  classPairs({ results, examples, model, settings }) {
    if (glueOf(settings) === "stsb" || problemOf(settings) !== "single-label") return undefined;
    const names = labelNames(model);
    return {
      predicted: (results as TextClassification[]).map(({ label }) => label),
      actual: examples.map(({ labels }) => names[labels as number]),
    };
  },
  details: ["scores"],
};
