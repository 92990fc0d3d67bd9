// The row of the table for multiple choice.
import { AutoModelForMultipleChoice } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { type MultipleChoice, multipleChoice } from "../multiple-choice.js";

const options: TaskEntry["options"] = [
  {
    name: "contextColumn",
    kind: "text",
    default: "context",
    others: ["sent1", "prompt"],
    column: "input",
    description: "column with what all choices have in common (also sent1, prompt)",
  },
  {
    name: "beginningColumn",
    kind: "text",
    description: "column with what begins every choice (default: sent2 or question, where there)",
  },
  {
    name: "choicesColumn",
    kind: "list",
    elsewhere: true,
    description:
      "column with a list of choices, or several columns (default: choices, or ending0, ending1, ...)",
  },
  {
    name: "labelColumn",
    kind: "text",
    default: "label",
    column: "label",
    description: "column with the number of the right choice, from 0",
  },
  { name: "maxLength", kind: "integer", description: "most tokens of a choice with its context" },
];

export const multipleChoiceEntry: TaskEntry = {
  name: "multiple-choice",
  summary: "Chooses one of several texts that go with a context.",
  rows: "a context, its choices and the number of the right one, as SWAG and CODAH have them",
  example: "--tokenizer vocab.txt --train train.csv --eval val.csv --output my-chooser",
  auto: AutoModelForMultipleChoice,
  autoName: "AutoModelForMultipleChoice",
  options,
  make({ choicesColumn, ...settings }) {
    const names = choicesColumn as readonly string[] | undefined;
    const one = names?.length === 1 ? { choicesColumn: names[0] } : { endingColumns: names };
    return multipleChoice({ ...factoryOptions({ options }, settings), ...(names && one) });
  },
  best: () => ({ name: "accuracy", greaterIsBetter: true }),
  classPairs: ({ results, examples }) => ({
    predicted: (results as MultipleChoice[]).map(({ choice }) => `choice ${choice}`),
    actual: examples.map(({ labels }) => `choice ${labels}`),
  }),
  details: ["scores"],
};
