// Mistakes with the rows and options of each task: one line that says what to do.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../data/temporary.js";
import { athanor, tinyModelArgs, writeTinyFiles } from "./command.js";

interface Mistake {
  task: string;
  name: string;
  rows: object[] | string;
  args?: string[];
  code?: number;
  says: string;
}

const question = { question: "where is it", context: "my card is lost" };
const choices = { context: "my card", choices: ["is lost", "is new"], label: 0 };

const mistakes: Mistake[] = [
  {
    task: "text-classification",
    name: "labels that are all one",
    rows: [{ text: "my card", label: "card" }],
    says: "needs at least two labels (of rows with different ones), or problem_type",
  },
  {
    task: "text-classification",
    name: "a named second text that no row has",
    rows: [{ text: "my card", label: "card" }],
    args: ["--pair-column", "reply"],
    says: 'needs the column "reply", got "text", "label"; --pair-column names another',
  },
  {
    task: "text-classification",
    name: "a share of everything to evaluate on",
    rows: [{ text: "my card", label: "card" }],
    args: ["--eval-share", "1"],
    code: 2,
    says: "--eval-share must be a share between 0 and 1, or a number of rows below the 1 that there are, got 1",
  },
  {
    task: "token-classification",
    name: "fewer tags than words",
    rows: [
      { tokens: ["my", "card"], tags: ["O", "B-X"] },
      { tokens: ["my", "card"], tags: ["O"] },
    ],
    says: 'row 1 column "tags" must be as long as column "tokens", 2, got a list of 1',
  },
  {
    task: "multiple-choice",
    name: "choices in a column that is not there",
    rows: [choices],
    args: ["--choices-column", "endings"],
    says: 'needs the column "endings", got "context", "choices", "label"; --choices-column names another',
  },
  {
    task: "multiple-choice",
    name: "a choice that is not there",
    rows: [choices, { ...choices, label: 2 }],
    says: 'row 1 column "label" must be the number of a choice, from 0 to 1, got 2',
  },
  {
    task: "question-answering",
    name: "answers that stand nowhere",
    rows: [{ ...question, answers: { text: ["cash"], answer_start: [0] } }],
    says: "rows must have an answer that stands in its context",
  },
  {
    task: "question-answering",
    name: "no answers",
    rows: [{ ...question, answers: { text: ["card"], answer_start: [3] } }, question],
    says: 'row 1 column "answers" must be answers { text: [...], answer_start: [...] } (empty lists where there is none), got undefined',
  },
  {
    task: "masked-language-modeling",
    name: "nothing to hide",
    rows: "my card is lost\n",
    args: ["--line-by-line", "--probability", "0"],
    code: 2,
    says: "probability must be a number above 0, at most 1, got 0",
  },
  {
    task: "masked-language-modeling",
    name: "words in a column that is not there",
    rows: "my card is lost\n",
    args: ["--line-by-line", "--whole-word", "--words-column", "words"],
    says: 'needs the column "words", got "text"; --words-column names another',
  },
  {
    task: "pre-training",
    name: "a single document",
    rows: "my card\nis lost\n",
    says: 'needs two documents at least (a blank row between them, or documents: "rows")',
  },
];

test.each(mistakes)("$task: $name", async ({ task, rows, args = [], code = 1, says }) => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const plain = typeof rows === "string";
    const file = join(folder, plain ? "rows.txt" : "rows.jsonl");
    await writeFile(file, plain ? rows : rows.map((row) => JSON.stringify(row)).join("\n"));
    const files = ["--train", file, "--output", join(folder, "m")];
    const outcome = await athanor(["train", task, ...tinyModelArgs(folder), ...files, ...args]);
    expect(outcome).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(says) });
  });
});

test("a model of another task, whose head has the same names", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const files = ["--train", join(folder, "train.csv"), "--output", join(folder, "m"), "--max-steps", "1"];
    await athanor(["train", "text-classification", ...tinyModelArgs(folder), ...files]);
    const outcome = await athanor(["predict", "token-classification", "--model", join(folder, "m")]);
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        "m: must be a model trained for token-classification, got one trained for text-classification",
      ),
    });
  });
});
