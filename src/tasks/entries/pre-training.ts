// The row of the table for pre-training from plain text.
import { AutoModelForPreTraining } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { preTraining } from "../pre-training.js";
import { maskingOptions, wordsOption } from "./masked-language-modeling.js";

const options: TaskEntry["options"] = [
  { name: "textColumn", kind: "text", default: "text", column: "input", description: "column with the text" },
  {
    name: "pairColumn",
    kind: "text",
    default: "pair",
    column: "predicted",
    description: "when predicting: column with the second text",
  },
  {
    name: "documents",
    kind: ["blank-lines", "rows"],
    default: "blank-lines",
    description: "a row is a sentence and a blank one ends a document, or a row is a document",
  },
  {
    name: "objective",
    kind: ["nsp", "sop"],
    default: "nsp",
    description: "does the second segment follow the first (BERT), are the two in order (ALBERT)",
  },
  { name: "maxLength", kind: "integer", default: 128, description: "tokens of an example" },
  {
    name: "shortProbability",
    kind: "number",
    default: 0.1,
    description: "share of documents of which shorter pairs are made",
  },
  ...maskingOptions,
];

export const preTrainingEntry: TaskEntry = {
  name: "pre-training",
  summary: "Trains a model from plain text: hidden words, and whether two segments belong together.",
  rows: "a text; .txt files have a sentence per line and a blank line between documents",
  example: "--tokenizer vocab.txt --train books.txt --eval more.txt --output my-bert",
  auto: AutoModelForPreTraining,
  autoName: "AutoModelForPreTraining",
  options,
  make: (settings) => preTraining({ ...factoryOptions({ options }, settings), ...wordsOption(settings) }),
  best: () => ({ name: "mlmLoss", greaterIsBetter: false }),
};
