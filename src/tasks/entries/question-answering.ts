// The row of the table for extractive question answering.
import { AutoModelForQuestionAnswering } from "../../models/index.js";
import { factoryOptions, type TaskEntry } from "../entry.js";
import { type QuestionAnsweringOptions, questionAnswering } from "../question-answering.js";

const options: TaskEntry["options"] = [
  {
    name: "questionColumn",
    kind: "text",
    default: "question",
    column: "input",
    description: "column with the question",
  },
  {
    name: "contextColumn",
    kind: "text",
    default: "context",
    column: "input",
    description: "column with the text that holds the answer",
  },
  {
    name: "answersColumn",
    kind: "text",
    default: "answers",
    column: "label",
    description: "column with the answers: { text: [...], answer_start: [...] }",
  },
  { name: "idColumn", kind: "text", default: "id", column: "optional", description: "column with an id" },
  { name: "maxLength", kind: "integer", default: 384, description: "most tokens of a window" },
  {
    name: "stride",
    kind: "integer",
    default: 128,
    description: "tokens that neighbouring windows share, at most a third of them",
  },
  {
    name: "pairOrder",
    kind: ["auto", "question-first", "context-first"],
    default: "auto",
    description: "which text comes first; auto: as the tokenizer pads",
  },
  { name: "nBest", kind: "integer", default: 20, description: "candidates kept of each question" },
  { name: "maxAnswerLength", kind: "integer", default: 30, description: "most tokens of an answer" },
  {
    name: "squadVersion",
    kind: ["1", "2"],
    default: "1",
    elsewhere: true,
    description: "2: questions may have no answer",
  },
  {
    name: "nullThreshold",
    kind: "number",
    default: 0,
    description: "no answer when its score is so much above the best answer's",
  },
  {
    name: "nullScore",
    kind: ["min", "max", "last"],
    default: "min",
    description: "which window's score of no answer counts",
  },
  {
    name: "misplaced",
    kind: ["realign", "skip", "error", "keep"],
    default: "realign",
    description: "what becomes of answers that do not stand at their answer_start",
  },
  {
    name: "language",
    kind: ["en", "zh"],
    default: "en",
    description: "how answers are scored: as SQuAD or as CMRC 2018",
  },
];

export const questionAnsweringEntry: TaskEntry = {
  name: "question-answering",
  summary: "Finds the piece of a text that answers a question.",
  rows: "a question, a context, and the answers with their places in it; .json files are SQuAD's",
  example: "--tokenizer vocab.txt --train train-v1.1.json --eval dev-v1.1.json --output my-reader",
  auto: AutoModelForQuestionAnswering,
  autoName: "AutoModelForQuestionAnswering",
  options,
  make(settings, say) {
    const onMisplaced: QuestionAnsweringOptions["onMisplaced"] = (answers) =>
      say?.(
        `${answers.length} answers do not stand at their answer_start (--misplaced says what becomes of them)`,
      );
    const version =
      settings.squadVersion === undefined ? {} : { version: Number(settings.squadVersion) as 1 | 2 };
    return questionAnswering({ ...factoryOptions({ options }, settings), ...version, onMisplaced });
  },
  best: () => ({ name: "f1", greaterIsBetter: true }),
  reading: (_, file) => (/\.json(\.gz)?$/i.test(file) ? { format: "squad" } : {}),
  details: ["candidates"],
};
