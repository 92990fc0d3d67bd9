// The row of the table for translation.
import { AutoModelForSeq2SeqLM } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { languageOptions } from "../generation/languages.js";
import { generationOf, generationOptions, pairOptions } from "../generation/options.js";
import { bleuTokenizers, translation } from "../translation.js";

const options: TaskEntry["options"] = [
  {
    name: "sourceColumn",
    kind: "text",
    default: "source",
    column: "input",
    description: "column with the text",
  },
  {
    name: "targetColumn",
    kind: "text",
    default: "target",
    column: "label",
    description: "column with its translation, or a list of right ones",
  },
  {
    name: "bleuTokenizer",
    kind: bleuTokenizers,
    default: "13a",
    description: "how BLEU cuts words",
  },
  {
    name: "srcLang",
    kind: "text",
    description: "language of the texts, as en_XX (mBART, mBART-50; default: the tokenizer's)",
  },
  { name: "tgtLang", kind: "text", description: "language to translate into, as ro_RO (mBART, mBART-50)" },
  ...pairOptions,
  ...generationOptions,
];

export const translationEntry: TaskEntry = {
  name: "translation",
  summary: "Translates texts.",
  rows: "a text and its translation",
  example: "--model opus-mt-en-de --train train.csv --eval test.csv --num-beams 4 --output my-translator",
  auto: AutoModelForSeq2SeqLM,
  autoName: "AutoModelForSeq2SeqLM",
  options,
  make: (settings) => translation({ ...factoryOptions({ options }, settings), ...generationOf(settings) }),
  languages: (settings) => {
    const given = languageOptions.filter((name) => settings[name] !== undefined);
    return Object.fromEntries(given.map((name) => [name, settings[name]]));
  },
  best: () => ({ name: "bleu", greaterIsBetter: true }),
  details: ["candidates"],
};
