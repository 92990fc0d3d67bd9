// The row of the table for summarization.
import { AutoModelForSeq2SeqLM } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { generationOf, generationOptions, pairOptions } from "../generation/options.js";
import { summarization } from "../summarization.js";

const options: TaskEntry["options"] = [
  {
    name: "documentColumn",
    kind: "text",
    default: "document",
    column: "input",
    description: "column with the text, or a list of its sentences",
  },
  {
    name: "summaryColumn",
    kind: "text",
    default: "summary",
    column: "label",
    description: "column with its summary, or a list of good ones",
  },
  {
    name: "rougeTokenizer",
    kind: ["rouge", "characters"],
    default: "rouge",
    description: "how ROUGE cuts words; characters for Chinese",
  },
  ...pairOptions,
  ...generationOptions,
];

export const summarizationEntry: TaskEntry = {
  name: "summarization",
  summary: "Summarizes texts.",
  rows: "a text and its summary",
  example:
    '--model t5-small --prefix "summarize: " --train train.jsonl --eval dev.jsonl --output my-summarizer',
  auto: AutoModelForSeq2SeqLM,
  autoName: "AutoModelForSeq2SeqLM",
  options,
  make: (settings) => summarization({ ...factoryOptions({ options }, settings), ...generationOf(settings) }),
  best: () => ({ name: "rougeLsum", greaterIsBetter: true }),
  details: ["candidates"],
};
