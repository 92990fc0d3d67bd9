// The row of the table for masked language modelling.
import { AthanorError } from "../../errors.js";
import { AutoModelForMaskedLM } from "../../models/index.js";
import { factoryOptions, type TaskEntry, type TaskSettings } from "../entry.js";
import { maskedLanguageModeling } from "../masked-language-modeling.js";
import { shownValue } from "../rows.js";

/** Options of the tasks that hide tokens. */
export const maskingOptions: TaskEntry["options"] = [
  { name: "probability", kind: "number", default: 0.15, description: "share of the tokens to predict" },
  { name: "wholeWord", kind: "flag", description: "hide whole words" },
  {
    name: "wordsColumn",
    kind: "text",
    column: "optional",
    elsewhere: true,
    description: "with --whole-word: column with a text's words, where the tokenizer's will not do (Chinese)",
  },
  { name: "topK", kind: "integer", default: 5, description: "candidates for each mask when predicting" },
];

const options: TaskEntry["options"] = [
  { name: "textColumn", kind: "text", default: "text", column: "input", description: "column with the text" },
  { name: "maxLength", kind: "integer", default: 512, description: "tokens of a block" },
  { name: "lineByLine", kind: "flag", description: "every row alone, instead of blocks of all rows" },
  {
    name: "remainder",
    kind: ["drop", "keep"],
    default: "drop",
    description: "what becomes of tokens after the last full block",
  },
  ...maskingOptions,
];

/** Reads the words of a text from a column. */
export function wordsOption({ wordsColumn: column }: TaskSettings): {
  words?: (text: string, row: object) => string[];
} {
  if (typeof column !== "string") return {};
  const words = (_: string, row: object): string[] => {
    const value = (row as Record<string, unknown>)[column];
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
    throw new AthanorError(
      "ERR_DATA",
      `column "${column}" must be a list of words, got ${shownValue(value)}`,
    );
  };
  return { words };
}

export const maskedLanguageModelingEntry: TaskEntry = {
  name: "masked-language-modeling",
  summary: "Learns to fill hidden words of plain text, and fills the mask tokens of a text.",
  rows: "a text; .txt files have one per line",
  example: "--tokenizer vocab.txt --train train.txt --eval test.txt --max-length 128 --output my-bert",
  auto: AutoModelForMaskedLM,
  autoName: "AutoModelForMaskedLM",
  options,
  make: (settings) =>
    maskedLanguageModeling({ ...factoryOptions({ options }, settings), ...wordsOption(settings) }),
  best: () => ({ name: "perplexity", greaterIsBetter: false }),
};
