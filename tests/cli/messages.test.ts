// Each mistake ends with one line that says what to do, and an exit code: 1 for data and files, 2 for the call.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../data/temporary.js";
import { athanor, tinyModelArgs, writeTinyFiles } from "./command.js";

interface Mistake {
  name: string;
  args: string[];
  code: number;
  says: string;
}

const mistakes: Mistake[] = [
  {
    name: "a column that is not there",
    args: ["--label-column", "lable"],
    code: 1,
    says: 'needs the column "lable" (did you mean "label"?), got "text", "label"; --label-column names another',
  },
  {
    name: "an unknown label",
    args: ["--eval", "FOLDER/typing.csv"],
    code: 1,
    says: 'needs labels that the training rows have (card, cash, pin), got "crad" (did you mean "card"?)',
  },
  {
    name: "an empty split",
    args: ["--eval", "FOLDER/empty.csv"],
    code: 1,
    says: "empty.csv: must have at least one row, got none",
  },
  {
    name: "a bad row of the evaluation file, before the first step",
    args: ["--eval", "FOLDER/blank.csv"],
    code: 1,
    says: 'blank.csv: textClassification: row 1 column "text" must be a text that is not empty',
  },
  {
    name: "a missing file",
    args: ["--eval", "FOLDER/none.csv"],
    code: 1,
    says: "none.csv: needs a readable file, got no such file",
  },
  { name: "an impossible size", args: ["--hidden", "33"], code: 1, says: "ERR_CHECKPOINT" },
  { name: "an unknown argument", args: ["--set", "learningrate=1"], code: 2, says: "got learningrate" },
  { name: "an unknown option", args: ["--epoch", "1"], code: 2, says: "(Did you mean --epochs?)" },
  { name: "a wrong value", args: ["--batch-size", "0"], code: 2, says: "a whole number from 1" },
  {
    name: "a wrong word",
    args: ["--problem", "many"],
    code: 2,
    says: "single-label, multi-label, regression",
  },
  {
    name: "a missing model",
    args: ["--model", "FOLDER/none"],
    code: 1,
    says: "needs a config.json that can be read",
  },
];

test.each(mistakes)("$name", async ({ args, code, says }) => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    await writeFile(join(folder, "typing.csv"), "text,label\nmy card,crad\n");
    await writeFile(join(folder, "empty.csv"), "text,label\n");
    await writeFile(join(folder, "blank.csv"), "text,label\nmy card,card\n ,pin\n");
    const given = args.map((word) => word.replace("FOLDER", folder));
    const files = ["--train", join(folder, "train.csv"), "--output", join(folder, "m")];
    const outcome = await athanor([
      "train",
      "text-classification",
      ...tinyModelArgs(folder),
      ...files,
      ...given,
    ]);
    expect(outcome).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(says) });
    expect(outcome.stderr).not.toMatch(/^ {4}at /m); // no stack
  });
});

test("unknown commands and tasks are named with what is near", async () => {
  expect(await athanor(["trian"])).toMatchObject({ code: 2, stderr: expect.stringContaining("train?") });
  const task = await athanor(["train", "text-clasification"]);
  expect(task).toMatchObject({ code: 2, stderr: expect.stringContaining("text-classification?") });
});

test("standard input: the line, and the row among all", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const files = ["--train", join(folder, "train.csv"), "--output", join(folder, "m"), "--max-steps", "1"];
    await athanor(["train", "text-classification", ...tinyModelArgs(folder), ...files]);
    const predict = ["predict", "text-classification", "--model", join(folder, "m")];
    const broken = await athanor(predict, { stdin: '{"text": "pin"}\n{"text": \n' });
    expect(broken).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("standard input, line 2: must be"),
    });
    const rows = Array.from({ length: 300 }, (_, i) => JSON.stringify({ text: i === 299 ? 5 : "my pin" }));
    const late = await athanor(predict, { stdin: rows.join("\n") });
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('row 299 column "text"') });
    expect(late.stdout.split("\n").length - 1).toBeGreaterThanOrEqual(256);
    const verbose = await athanor([...predict, "--verbose"], { stdin: '{"txt": "pin"}\n' });
    expect(verbose.stderr).toMatch(/^ {4}at /m);
  });
});

test("a folder without a model", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const outcome = await athanor(["evaluate", "text-classification", "--model", join(folder, "m"), "x.csv"]);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ERR_TOKENIZER: .*\n$/) });
  });
});

test("help of every command, and the list of tasks", async () => {
  for (const command of [
    [],
    ["train"],
    ["train", "text-classification"],
    ["predict", "text-classification"],
  ]) {
    const help = await athanor([...command, "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Usage: athanor/) });
    expect(Math.max(...help.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  }
  const tasks = JSON.parse((await athanor(["tasks", "--json"])).stdout);
  expect(tasks[0]).toMatchObject({ name: "text-classification", metric: "accuracy" });
  expect((await athanor(["tasks"])).stdout).toContain("columns: text, pair (if there), label");
});
