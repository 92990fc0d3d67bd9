// The other tasks by the same commands: they train, evaluate and answer.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../data/temporary.js";
import { athanor, tinyModelArgs, writeTinyFiles } from "./command.js";

/** Trains for a few steps and returns the arguments that name the model. */
async function trained(folder: string, task: string, train: string, ...more: string[]): Promise<string[]> {
  const files = ["--train", train, "--eval", train, "--output", join(folder, "m"), "--json"];
  const steps = ["--max-steps", "4", "--batch-size", "8"];
  const outcome = await athanor(["train", task, ...tinyModelArgs(folder), ...files, ...steps, ...more]);
  expect(outcome).toMatchObject({ code: 0 });
  expect(JSON.parse(outcome.stdout).steps).toBe(4);
  return ["--model", join(folder, "m")];
}

const squad = JSON.stringify({
  data: ["card", "pin"].map((answer) => ({
    title: answer,
    paragraphs: [
      {
        context: `the ${answer} is new`,
        qas: [{ id: answer, question: "where is it", answers: [{ text: answer, answer_start: 4 }] }],
      },
    ],
  })),
});

test("question answering reads SQuAD's files and answers with ranges", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "squad.json");
    await writeFile(file, squad);
    const model = await trained(folder, "question-answering", file, "--max-length", "16", "--stride", "2");
    const metrics = await athanor(["evaluate", "question-answering", ...model, file, "--json"]);
    expect(JSON.parse(metrics.stdout)).toMatchObject({ rows: 2, exact: expect.any(Number) });
    const stdin = '{"id": "a", "question": "where is it", "context": "my card is lost"}\n';
    const asked = await athanor(["predict", "question-answering", ...model], { stdin });
    const answer = JSON.parse(asked.stdout);
    expect(answer).toEqual({
      ...{ id: "a", text: "my card is lost".slice(answer.start, answer.end) },
      ...{ start: expect.any(Number), end: expect.any(Number), score: expect.any(Number) },
    });
    const other = await athanor([
      "evaluate",
      "masked-language-modeling",
      ...model,
      join(folder, "train.csv"),
    ]);
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^ERR_CHECKPOINT: .* must be a model trained for masked-language-modeling/,
      ),
    });
  });
}, 60_000);

test("masked language modelling fills masks", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "lines.txt");
    await writeFile(file, "my card is lost\nwhere is the new pin\nwhy was the cash fee charged\n".repeat(8));
    const task = "masked-language-modeling";
    const model = await trained(folder, task, file, "--line-by-line", "--probability", "0.3");
    const metrics = await athanor(["evaluate", task, ...model, file]);
    expect(metrics.stdout).toMatch(/^perplexity +\d/m);
    const asked = await athanor(["predict", task, ...model, "--format", "text", "--top-k", "2"], {
      stdin: "my [MASK] is lost\n",
    });
    const { masks } = JSON.parse(asked.stdout);
    expect(masks).toHaveLength(1);
    expect(masks[0].candidates).toHaveLength(2);
    const none = await athanor(["predict", task, ...model, "--format", "text"], { stdin: "my card\n" });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("[MASK]") });
  });
}, 60_000);

test("pre-training from documents", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "books.txt");
    const documents = [
      "my card is lost\nwhere is it\nthe new card",
      "why was the fee charged\nthe pin is new",
    ];
    await writeFile(file, `${[...documents, ...documents].join("\n\n")}\n`);
    const model = await trained(folder, "pre-training", file, "--max-length", "20");
    const metrics = await athanor(["evaluate", "pre-training", ...model, file, "--json"]);
    expect(JSON.parse(metrics.stdout)).toMatchObject({
      mlmLoss: expect.any(Number),
      nspAccuracy: expect.any(Number),
    });
  });
}, 60_000);

test("token classification reads CoNLL, and tags plain text", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "train.conll");
    const sentence = (word: string, tag: string) => `my\tO\n${word}\t${tag}\nis\tO\n\n`;
    await writeFile(file, `${sentence("card", "B-THING")}${sentence("app", "B-THING")}`.repeat(4));
    const task = "token-classification";
    const model = await trained(folder, task, file);
    const metrics = await athanor(["evaluate", task, ...model, file, "--json"]);
    expect(JSON.parse(metrics.stdout)).toMatchObject({ rows: 8, f1: expect.any(Number) });
    const stdin = '{"text": "my card is lost"}\n{"tokens": ["the", "pin"]}\n';
    const asked = await athanor(["predict", task, ...model], { stdin });
    const [first, second] = asked.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ text: "my card is lost", entities: expect.any(Array) });
    expect(second.words).toHaveLength(2);
    const wrong = await athanor(["evaluate", task, ...model, join(folder, "train.csv")]);
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('needs the column "tokens", got "text", "label"'),
    });
  });
}, 60_000);

test("multiple choice with columns that the file does not name", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "choices.tsv");
    await writeFile(
      file,
      "my card\tis lost\tis new\twhy\t0\nthe pin\tthe app\tis stolen\tcode\t1\n".repeat(4),
    );
    const task = "multiple-choice";
    const columns = ["--columns", "prompt,ending0,ending1,ending2,label"];
    const model = await trained(folder, task, file, ...columns);
    const asked = await athanor(["predict", task, ...model, file, ...columns, "--limit", "2", "--scores"]);
    const [first] = asked.stdout.split("\n").map((line) => line && JSON.parse(line));
    expect(first.scores).toHaveLength(3);
    expect(Math.max(...first.scores)).toBe(first.score);
  });
}, 60_000);

test("sentence embeddings of pairs, in the layout of Sentence-Transformers", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "pairs.csv");
    const rows = "my card,the card is new\nthe pin,my pin was stolen\nwhy the fee,cash fee charged\n";
    await writeFile(file, `anchor,positive\n${rows.repeat(6)}`);
    const task = "sentence-embeddings";
    const model = await trained(folder, task, file);
    const names = await readdir(join(folder, "m"));
    expect(names).toEqual(expect.arrayContaining(["1_Pooling", "modules.json", "tokenizer.json"]));
    const metrics = await athanor(["evaluate", task, ...model, file, "--json"]);
    expect(JSON.parse(metrics.stdout)).toMatchObject({ rows: 18, mrrAt10: expect.any(Number) });
    const asked = await athanor(["predict", task, ...model], { stdin: '{"anchor": "where is my card"}\n' });
    expect(JSON.parse(asked.stdout).embedding).toHaveLength(32);
    const scored = join(folder, "scores.csv");
    await writeFile(
      scored,
      `sentence1,sentence2,score\n${"my card,my app,2.5\nthe pin,the pin,5\n".repeat(4)}`,
    );
    const byScore = ["--loss", "cosineSimilarity", "--max-score", "5"];
    await trained(folder, task, scored, ...byScore, "--overwrite");
    const wrong = await athanor(["evaluate", task, ...model, file]);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('needs the column "sentence1"') });
  });
}, 60_000);

test("a configuration of GLUE by name: columns, labels and metrics", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const file = join(folder, "train.jsonl");
    const rows = ["my card is new", "the pin was stolen"].map((sentence, label) => ({ sentence, label }));
    await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    const model = await trained(folder, "text-classification", file, "--glue", "cola");
    const metrics = await athanor(["evaluate", "text-classification", ...model, file, "--json"]);
    expect(JSON.parse(metrics.stdout)).toMatchObject({ rows: 2, matthewsCorrelation: expect.any(Number) });
    const asked = await athanor(["predict", "text-classification", ...model, file]);
    expect(JSON.parse(asked.stdout.split("\n")[0]).label).toMatch(/^(un)?acceptable$/);
  });
}, 60_000);
