// `athanor report` on a run that `athanor train` has just made.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type AutoClass, AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../../src/models/index.js";
import { inFolder } from "../data/temporary.js";
import { modelFolder } from "../support/model-fixtures.js";
import { wordTokenizer } from "../tasks/language-support.js";
import { athanor, tinyModelArgs, writeTinyFiles } from "./command.js";

test("curves by layer, a matrix of the rows given, attention of chosen rows; mistakes are named", async () => {
  await inFolder(async (folder) => {
    await writeTinyFiles(folder);
    const out = join(folder, "m");
    const [train, test] = [join(folder, "train.csv"), join(folder, "test.csv")];
    const sets = ["logLayerNorms=true", "logEvery=2"].flatMap((word) => ["--set", word]);
    const files = ["--train", train, "--eval", test, "--output", out, "--max-steps", "6"];
    const trained = await athanor([
      "train",
      "text-classification",
      ...tinyModelArgs(folder),
      ...files,
      ...sets,
    ]);
    expect(trained).toMatchObject({ code: 0 });
    const rows = ["--rows", test];
    const told = await athanor(["report", out, ...rows, "--attention", "0,3", "--threads", "1"]);
    expect(told).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("report.html (") });
    const page = await readFile(join(out, "report.html"), "utf8");
    const charts = JSON.parse(/<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page)![1]);
    const names = charts.map(({ series }: { series: { name: string }[] }) => series.map(({ name }) => name));
    expect(names[0]).toEqual(["training", "evaluation"]);
    expect(names.at(-1)).toContain("encoder.layer.1");
    expect(charts[0].data[0]).toEqual([1, 2, 3, 4, 5, 6]);
    const counts = [...page.matchAll(/taken for \w+: (\d+)"/g)].map(([, count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count)).toBe(80);
    expect(page.match(/<summary>Layer \d<\/summary>/g)).toHaveLength(4);
    expect(page).toContain(">[CLS]</text>");

    expect(await athanor(["report", folder])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run.json: needs the outputFolder of a training run"),
    });
    for (const [words, says] of [
      [["--attention", "0"], "--attention needs --rows, got none"],
      [
        [...rows, "--attention", "x"],
        "--attention must be numbers of rows from 0 with commas between, got x",
      ],
      [[...rows, "--attention", "80"], "--attention must be rows from 0 to 79, got 80"],
    ] as const) {
      const outcome = await athanor(["report", out, ...words]);
      expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
    }
  });
});

test.each<[string, AutoClass, string, number]>([
  ["gpt2-lm", AutoModelForCausalLM, "causal-language-modeling", 0],
  ["bart-conditional", AutoModelForSeq2SeqLM, "translation", 2],
])("what tokens of %s look at", async (name, auto, task, code) => {
  await inFolder(async (folder) => {
    const model = await auto.fromPretrained(modelFolder(name));
    await model.savePretrained(folder);
    model.dispose();
    await wordTokenizer(["a", "b", "c"]).save(folder);
    const run = { status: "finished", steps: 1, model: {}, args: {}, data: {}, versions: {}, machine: {} };
    const step = { type: "step", step: 1, loss: 1, learningRate: 1, gradNorm: 1 };
    const rows = join(folder, "rows.csv");
    await Promise.all([
      writeFile(join(folder, "task.json"), JSON.stringify({ task, options: {} })),
      writeFile(join(folder, "run.json"), JSON.stringify(run)),
      writeFile(join(folder, "log.jsonl"), `${JSON.stringify(step)}\n`),
      writeFile(rows, "text,source,target\na b c,a b,b a\n"),
    ]);
    const told = await athanor(["report", folder, "--rows", rows, "--attention", "0"]);
    expect(told).toMatchObject({ code });
    if (code === 0) {
      const page = await readFile(join(folder, "report.html"), "utf8");
      expect(page.match(/<summary>Layer \d<\/summary>/g)).toHaveLength(2);
    } else {
      expect(told.stderr).toContain(
        "--attention: model must be an encoder or a decoder, not both, got BartForConditionalGeneration",
      );
    }
  });
});
