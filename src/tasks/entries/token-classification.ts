// The row of the table for token classification.
import { AutoModelForTokenClassification } from "../../models/index.js";
import type { DataRow } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { factoryOptions, settingOf, type TaskEntry } from "../entry.js";
import { areChunkLabels, tagReader, tokenLabelNames } from "../token-classification/labels.js";
import { withoutPositionDigits } from "../token-classification/position-digits.js";
import type { TokenClassification } from "../token-classification/results.js";
import { tokenClassification } from "../token-classification.js";

const LABEL_TOKENS = {
  first: {},
  all: { labelAllTokens: true },
  inside: { labelAllTokens: true, continuation: "inside" },
} as const;

const options: TaskEntry["options"] = [
  {
    name: "tokensColumn",
    kind: "text",
    default: "tokens",
    // Plain text will do to predict for.
    column: "label",
    description: "column with the list of words",
  },
  {
    name: "tagsColumn",
    kind: "text",
    default: "tags",
    column: "label",
    description: "column with a tag for each word (upos for parts of speech in .conllu)",
  },
  {
    name: "textColumn",
    kind: "text",
    default: "text",
    column: "optional",
    description: "column with the sentence as written",
  },
  {
    name: "joiner",
    kind: "text",
    description: 'what joins words where there is no text (default: a blank; "" for Chinese)',
  },
  {
    name: "positionDigits",
    kind: "flag",
    elsewhere: true,
    description: "words end with a digit that is no part of them (Weibo)",
  },
  { name: "maxLength", kind: "integer", description: "most tokens of a sentence" },
  {
    name: "stride",
    kind: "integer",
    description: "tokens shared by windows of long sentences (default: cut)",
  },
  {
    name: "labelTokens",
    kind: Object.keys(LABEL_TOKENS),
    default: "first",
    elsewhere: true,
    description: "tokens of a word that learn its label; inside: I- after the first",
  },
  {
    name: "aggregation",
    kind: ["none", "simple", "first", "average", "max"],
    default: "first",
    description: "how tokens become entities",
  },
  { name: "ignoreLabels", kind: "list", description: "labels that are no entities (default: O)" },
  {
    name: "tagMetric",
    kind: ["auto", "seqeval", "accuracy"],
    default: "auto",
    elsewhere: true,
    description: "entities or tags; auto: by the labels",
  },
];

export const tokenClassificationEntry: TaskEntry = {
  name: "token-classification",
  summary: "Labels the words of a sentence and finds entities: names, parts of speech, chunks.",
  rows: "a list of words and one of tags, as .conll, .conllu and .jsonl files have them",
  example: "--tokenizer vocab.txt --train train.conll --eval dev.conll --output my-tagger",
  auto: AutoModelForTokenClassification,
  autoName: "AutoModelForTokenClassification",
  options,
  make({ labelTokens = "first", tagMetric, positionDigits, ...settings }) {
    const how = LABEL_TOKENS[labelTokens as keyof typeof LABEL_TOKENS];
    const metric = tagMetric === undefined ? {} : { metric: tagMetric as "auto" };
    const task = tokenClassification({ ...factoryOptions({ options }, settings), ...how, ...metric });
    if (positionDigits !== true) return task;
    const bare = (rows: readonly DataRow[]) =>
      withoutPositionDigits(rows, String(settingOf({ options }, settings, "tokensColumn")));
    return {
      ...task,
      prepare: (rows, context) => task.prepare(bare(rows), context),
      join: (predictions, examples, rows, model) => task.join!(predictions, examples, bare(rows), model),
      metrics: (results, examples, model, rows) => task.metrics(results, examples, model, bare(rows)),
    };
  },
  labels: (rows, settings) => tokenLabelNames(rows, String(settingOf({ options }, settings, "tagsColumn"))),
  best({ tagMetric = "auto" }, labels = []) {
    const entities = tagMetric === "auto" ? areChunkLabels(labels) : tagMetric === "seqeval";
    return { name: entities ? "f1" : "accuracy", greaterIsBetter: true };
  },
  classPairs({ results, rows, model, settings }) {
    const words = (results as TokenClassification[]).map((result) => result.words);
    const names = labelNames(model);
    const setting = (name: string) => String(settingOf({ options }, settings, name));
    const columns = {
      tokens: setting("tokensColumn"),
      tags: setting("tagsColumn"),
      text: setting("textColumn"),
    };
    const tagsOf = tagReader(model, columns);
    return {
      predicted: words.flatMap((row) => row.map(({ label }) => label)),
      actual: rows.flatMap((row, i) => tagsOf(row, i, words[i].length).map((id) => names[id])),
    };
  },
};
