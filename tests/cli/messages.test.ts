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
    says: 'blank.csv line 3: textClassification: row 1 column "text" must be a text that is not empty',
  },
  {
    name: "a missing file",
    args: ["--eval", "FOLDER/none.csv"],
    code: 1,
    says: "none.csv: needs a readable file, got no such file",
  },
  { name: "an impossible size", args: ["--hidden", "33"], code: 1, says: "ERR_CHECKPOINT" },
  { name: "an unknown argument", args: ["--set", "learningrate=1"], code: 2, says: "got learningrate" },
  {
    name: "a metric that the task does not give, before the first step",
    args: ["--eval", "FOLDER/test.csv", "--metric", "acuracy"],
    code: 2,
    says: "metric must be one of loss, accuracy, f1_macro, precision_macro, recall_macro, got acuracy",
  },
  {
    name: "a metric without rows to evaluate on",
    args: ["--metric", "accuracy"],
    code: 2,
    says: "--metric needs rows to evaluate on: --eval FILE or --eval-share X, got neither",
  },
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
    expect(outcome.stderr).not.toMatch(/^(step|epoch) /m); // no training
  });
});

test("unknown commands and tasks are named with what is near", async () => {
  expect(await athanor(["trian"])).toMatchObject({ code: 2, stderr: expect.stringContaining("train?") });
  const task = await athanor(["train", "text-clasification"]);
  expect(task).toMatchObject({ code: 2, stderr: expect.stringContaining("text-classification?") });
});

test("a bad row is told by its file and line, also of several files that are split", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const rows = Array.from({ length: 30 }, (_, i) => `my card,${i % 2 ? "card" : "pin"}`);
    await writeFile(
      join(folder, "more.csv"),
      `text,label\n${[...rows.slice(0, 20), " ,pin", ...rows].join("\n")}\n`,
    );
    const files = [
      "--train",
      join(folder, "train.csv"),
      join(folder, "more.csv"),
      "--output",
      join(folder, "m"),
    ];
    const share = ["--eval-share", "0.5"];
    const outcome = await athanor([
      "train",
      "text-classification",
      ...tinyModelArgs(folder),
      ...files,
      ...share,
    ]);
    // 320 rows in the first file; a header and 20 rows before it in the second one.
    const says = `more.csv line 22: textClassification: row 340 column "text" must be a text that is not empty`;
    expect(outcome).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(says) });
  });
});

/** A model trained for a step: the arguments that ask it. */
async function predictArgs(folder: string): Promise<string[]> {
  await writeTinyFiles(folder);
  const files = ["--train", join(folder, "train.csv"), "--output", join(folder, "m"), "--max-steps", "1"];
  await athanor(["train", "text-classification", ...tinyModelArgs(folder), ...files]);
  return ["predict", "text-classification", "--model", join(folder, "m"), "--keep"];
}

const jsonLines = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test("predict leaves out bad rows of standard input, each with its line, and answers the others", async () => {
  await inFolder(async (folder) => {
    const predict = await predictArgs(folder);
    const broken = await athanor(predict, { stdin: '{"text": "pin"}\n\n{"text": \n[1]\n{"text": "card"}\n' });
    expect(broken.code).toBe(1);
    expect(jsonLines(broken.stdout)).toMatchObject([{ text: "pin" }, { text: "card" }]);
    const [third, fourth, end] = broken.stderr.split("\n");
    expect(third).toMatch(/^ERR_DATA: standard input line 3: must be a JSON object, got .*; left out$/);
    expect(fourth).toBe("ERR_DATA: standard input line 4: must be a JSON object, got [1]; left out");
    expect(end).toBe("ERR_DATA: predict: 2 rows were left out, 2 predicted");
    const rows = Array.from({ length: 300 }, (_, i) => JSON.stringify({ text: i === 299 ? 5 : "my pin" }));
    const late = await athanor(predict, { stdin: rows.join("\n") });
    expect(late.stderr).toContain(
      'standard input line 300: textClassification: row 299 column "text" must be a text, got 5; left out',
    );
    expect(jsonLines(late.stdout)).toHaveLength(299);
    const csv = await athanor([...predict, "--format", "csv"], {
      stdin: "text,id\npin,1\n,2\ncard\napp,4\n",
    });
    expect(jsonLines(csv.stdout).map(({ id }) => id)).toEqual(["1", "4"]);
    expect(csv.stderr).toContain('standard input line 3: textClassification: row 1 column "text" must be');
    expect(csv.stderr).toContain("standard input line 4: needs 2 fields (text, id), got 1; left out");
    const verbose = await athanor([...predict, "--verbose"], { stdin: '{"txt": "pin"}\n' });
    expect(verbose.stderr).toMatch(/^ {4}at /m);
  });
}, 60_000);

test("predict leaves out bad rows of files, and says how many", async () => {
  await inFolder(async (folder) => {
    const predict = await predictArgs(folder);
    const file = join(folder, "new.csv");
    await writeFile(file, 'text,id\n"my\ncard",1\n" ",2\npin,3,4\napp,5\n');
    const some = await athanor([...predict, file]);
    expect(jsonLines(some.stdout).map(({ id }) => id)).toEqual(["1", "5"]);
    expect(some.code).toBe(1);
    // The first row takes two lines.
    expect(some.stderr).toContain(
      `${file} line 4: textClassification: row 1 column "text" must be a text that`,
    );
    expect(some.stderr).toContain(`${file} line 5: needs 2 fields (text, id), got 3; left out`);
    expect(some.stderr).toContain("predict: 2 rows were left out, 2 predicted");
    await writeFile(file, `text\n${'" "\n'.repeat(40)}`);
    const none = await athanor([...predict, file]);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr.trimEnd().split("\n")).toHaveLength(22);
    expect(none.stderr).toContain("predict: 40 rows were left out, 0 predicted");
  });
}, 60_000);

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
  expect(tasks[1]).toMatchObject({ name: "token-classification", metric: "f1" });
  const list = (await athanor(["tasks"])).stdout;
  expect(list).toContain("columns: text, pair (if there), label");
  expect(list).toContain("chosen by f1 (accuracy where labels are not like B-PER, as parts of speech)");
});
