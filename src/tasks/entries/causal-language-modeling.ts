// The row of the table for causal language modelling.
import { AutoModelForCausalLM } from "../../models/index.js";
import { causalLanguageModeling } from "../causal-language-modeling.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { generationOf, generationOptions } from "../generation/options.js";

const options: TaskEntry["options"] = [
  { name: "textColumn", kind: "text", default: "text", column: "input", description: "column with the text" },
  { name: "maxLength", kind: "integer", default: 1024, description: "tokens of a block" },
  { name: "stride", kind: "integer", description: "evaluate by windows that begin every so many tokens" },
  { name: "lineByLine", kind: "flag", description: "every row alone, instead of blocks of all rows" },
  {
    name: "remainder",
    kind: ["drop", "keep"],
    default: "drop",
    description: "what becomes of tokens after the last full block in training",
  },
  { name: "rowEnd", kind: "text", default: "", description: "what stands between rows" },
  ...generationOptions,
];

export const causalLanguageModelingEntry: TaskEntry = {
  name: "causal-language-modeling",
  summary: "Learns to continue plain text, and continues texts.",
  rows: "a text; .txt files have one per line",
  example: "--model gpt2 --train train.txt --eval test.txt --max-length 256 --output my-gpt2",
  auto: AutoModelForCausalLM,
  autoName: "AutoModelForCausalLM",
  options,
  make: (settings) =>
    causalLanguageModeling({ ...factoryOptions({ options }, settings), ...generationOf(settings) }),
  best: () => ({ name: "perplexity", greaterIsBetter: false }),
  details: ["candidates"],
};
