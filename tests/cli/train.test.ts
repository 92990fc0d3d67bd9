// `athanor train`, `evaluate` and `predict` on rows with a pattern: what they print, write and leave.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../data/temporary.js";
import { athanor, type Outcome, tinyModelArgs, writeTinyFiles } from "./command.js";

const TASK = "text-classification";

/** Trains until the pattern is learnt; a second. */
function trainArgs(folder: string, ...more: string[]): string[] {
  const data = ["--train", join(folder, "train.csv"), "--eval", join(folder, "test.csv")];
  const training = ["--epochs", "8", "--learning-rate", "5e-3", "--batch-size", "16"];
  return [
    "train",
    TASK,
    ...tinyModelArgs(folder),
    ...data,
    ...training,
    "--output",
    join(folder, "m"),
    ...more,
  ];
}

test("a model is trained, saved, evaluated and asked", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const trained = await athanor(trainArgs(folder, "--json"));
    expect(trained).toMatchObject({ code: 0 });
    const result = JSON.parse(trained.stdout);
    expect(result).toMatchObject({ task: TASK, steps: 160, metrics: { accuracy: expect.any(Number) } });
    expect(result.metrics.accuracy).toBeGreaterThan(0.9);
    expect(trained.stderr).toContain("320 rows to train on, 80 to evaluate on, 3 labels");
    expect(trained.stderr).toMatch(/^epoch 8\.00 \| loss [\d.]+ \| accuracy/m);

    const model = ["--model", join(folder, "m")];
    const evaluated = await athanor(["evaluate", TASK, ...model, join(folder, "test.csv"), "--json"]);
    const metrics = JSON.parse(evaluated.stdout);
    // The saved model is that of the best evaluation.
    expect(metrics).toEqual({ rows: 80, ...result.metrics });
    const table = await athanor(["evaluate", TASK, ...model, join(folder, "test.csv"), "--limit", "40"]);
    expect(table.stdout).toMatch(
      /^rows +40\nloss +\d\.\d{4}\naccuracy +[01]\.\d{4}\n(?:\w+_macro +[01]\.\d{4}\n){3}$/,
    );

    const stdin = '{"text": "my card", "id": 7}\n\n{"text": "the pin is lost", "id": 8}\n';
    const asked = await athanor(["predict", TASK, ...model, "--keep", "--scores"], { stdin });
    const lines = asked.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { text: "my card", id: 7, label: "card" },
      { text: "the pin is lost", id: 8, label: "pin" },
    ]);
    expect(lines[0].scores.card).toBe(lines[0].score);
    const csv = join(folder, "out.csv");
    await athanor(["predict", TASK, ...model, join(folder, "test.csv"), "--output", csv, "--keep"]);
    const [header, ...rows] = (await readFile(csv, "utf8")).trim().split("\n");
    expect([header, rows.length]).toEqual(["text,label,score", 80]);
  });
}, 60_000);

test("options of the training go with the model", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const text = (await readFile(join(folder, "train.csv"), "utf8")).replace("text,label", "question,intent");
    await writeFile(join(folder, "train.csv"), text);
    const columns = ["--text-column", "question", "--label-column", "intent"];
    const data = ["--train", join(folder, "train.csv"), "--eval-share", "0.25"];
    const output = ["--output", join(folder, "m"), "--max-steps", "2", "--set", "logEvery=1"];
    const trained = await athanor(["train", TASK, ...tinyModelArgs(folder), ...data, ...columns, ...output]);
    expect(trained).toMatchObject({ code: 0, stdout: expect.stringMatching(/^steps +2$/m) });
    expect(trained.stderr).toContain("240 rows to train on, 80 to evaluate on");
    expect(trained.stderr).toMatch(/^step 1\/2 \| epoch/m);
    const evaluated = await athanor([
      "evaluate",
      TASK,
      "--model",
      join(folder, "m"),
      join(folder, "train.csv"),
    ]);
    expect(evaluated).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rows +320$/m) });
  });
});

test("a second run in the same folder says what it means by it", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const short = ["--epochs", "2"];
    expect((await athanor(trainArgs(folder, ...short))).code).toBe(0);
    const again = await athanor(trainArgs(folder, ...short));
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("--resume or --overwrite") });
    const resumed = await athanor(trainArgs(folder, ...short, "--resume", "--json"));
    expect(JSON.parse(resumed.stdout)).toMatchObject({ steps: 40, metrics: { loss: expect.any(Number) } });
    // A mistake does not cost the checkpoints, whatever may be overwritten.
    const kept = await readdir(join(folder, "m"));
    const odd = join(folder, "odd.csv");
    await writeFile(odd, "text,label\nmy card,no such label\n");
    for (const wrong of [
      ["--eval", odd],
      ["--set", "metric=nothing"],
      ["--optimizer", "nothing"],
    ]) {
      expect((await athanor(trainArgs(folder, ...short, "--overwrite", ...wrong))).code).not.toBe(0);
      expect(await readdir(join(folder, "m"))).toEqual(kept);
    }
    expect((await athanor(trainArgs(folder, "--epochs", "1", "--overwrite"))).code).toBe(0);
    expect(await readdir(join(folder, "m"))).not.toContain("checkpoint-40");
    expect((await athanor(trainArgs(folder, ...short, "--overwrite"))).code).toBe(0);
    expect((await readdir(join(folder, "m"))).filter((name) => name.startsWith("checkpoint-"))).toContain(
      "checkpoint-40",
    );
  });
}, 60_000);

test("Ctrl-C leaves a checkpoint, from which the run goes on to the same weights", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const epochs = ["--epochs", "12", "--set", "logEvery=1"];
    const stopped = await athanor(trainArgs(folder, ...epochs), { interruptAt: "step 25/" });
    expect(stopped).toMatchObject({ code: 130, stdout: "" });
    expect(stopped.stderr).toMatch(/^ERR_ABORTED: train: stopped by Ctrl-C; .*checkpoint-\d+, --resume/m);
    const resumed = await athanor(trainArgs(folder, ...epochs, "--resume", "--json"));
    const whole = await athanor(trainArgs(folder, ...epochs, "--overwrite", "--json"));
    const facts = ({ stdout }: Outcome) => {
      const { seconds: _, tokensPerSecond: __, ...rest } = JSON.parse(stdout);
      return rest;
    };
    expect(resumed.stderr).not.toContain("step 25/");
    expect(facts(resumed)).toEqual(facts(whole));
  });
}, 60_000);
