// The row of the table for token classification.
import { AutoModelForTokenClassification } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { areEntityTags, labelNames } from "../labels.js";
import { type TokenClassificationOptions, tokenClassification } from "../token-classification.js";

const LABEL_COLUMNS = ["tags", "labels", "ner_tags"];

const LABEL_TOKENS: Record<string, TokenClassificationOptions["labelAllTokens"]> = {
  ...{ first: false, all: true, inside: "inside" },
};

const options: TaskEntry["options"] = [
  {
    name: "wordsColumn",
    kind: "text",
    default: "tokens",
    others: ["words"],
    // Plain text will do to predict for.
    column: "label",
    description: "column with the list of words",
  },
  {
    name: "labelColumn",
    kind: "text",
    default: LABEL_COLUMNS[0],
    others: LABEL_COLUMNS.slice(1),
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
    name: "wordSeparator",
    kind: "text",
    description: 'what joins words where there is no text (default: a blank; "" for Chinese)',
  },
  {
    name: "positionDigits",
    kind: "flag",
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
  {
    name: "missingWords",
    kind: ["count", "skip"],
    default: "count",
    description: "whether words that were cut off count as O",
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
  make({ labelTokens, tagMetric, ...settings }) {
    const how = labelTokens === undefined ? {} : { labelAllTokens: LABEL_TOKENS[String(labelTokens)] };
    const metric = tagMetric === undefined ? {} : { metric: tagMetric as "auto" };
    return tokenClassification({ ...factoryOptions({ options }, settings), ...how, ...metric });
  },
  labels(rows, { labelColumn }) {
    const found = LABEL_COLUMNS.find((name) => rows.some((row) => Object.hasOwn(row, name)));
    return labelNames(rows, typeof labelColumn === "string" ? labelColumn : (found ?? LABEL_COLUMNS[0]));
  },
  best({ tagMetric = "auto" }, labels = []) {
    const entities = tagMetric === "auto" ? areEntityTags(labels) : tagMetric === "seqeval";
    return { name: entities ? "f1" : "accuracy", greaterIsBetter: true };
  },
};
