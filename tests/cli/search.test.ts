// `athanor search` and `athanor diagnose`: trials, a Ctrl-C between them, the best trained again, and what is said of it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../data/temporary.js";
import { athanor, tinyModelArgs, writeTinyFiles } from "./command.js";

const TASK = "text-classification";
const SPACE = {
  learningRate: { type: "logUniform", low: 1e-4, high: 1e-2 },
  dropout: { type: "choice", values: [0, 0.2] },
};

async function prepare(folder: string, space: unknown = SPACE): Promise<string[]> {
  await writeTinyFiles(folder);
  const file = join(folder, "space.json");
  await writeFile(file, typeof space === "string" ? space : JSON.stringify(space));
  const data = ["--train", join(folder, "train.csv"), "--eval", join(folder, "test.csv")];
  const training = ["--epochs", "2", "--batch-size", "16", "--output", join(folder, "m")];
  return ["search", TASK, ...tinyModelArgs(folder), ...data, ...training, "--space", file];
}

test("trials go on after a Ctrl-C; the best is trained again, evaluated and diagnosed", async () => {
  await inFolder(async (folder) => {
    const args = [...(await prepare(folder)), "--trials", "5", "--pruner", "none"];
    const stopped = await athanor(args, { interruptAt: "trial 2 of 5" });
    expect(stopped).toMatchObject({
      code: 130,
      stderr: expect.stringContaining("--resume goes on from there"),
    });
    const journal = join(folder, "m", "search.jsonl");
    const kept = (await readFile(journal, "utf8")).match(/"type":"end"/g)!.length;
    expect(kept).toBe(2);
    expect(await athanor(args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--resume or --overwrite"),
    });
    const found = await athanor([...args, "--resume", "--json"]);
    expect(found).toMatchObject({ code: 0 });
    expect(found.stderr).not.toContain("trial 1 of 5");
    expect(found.stderr).toMatch(/^trial 3 of 5 \| learningRate [\d.e-]+, dropout 0\.\d+$/m);
    const { best, trials, importance, metrics } = JSON.parse(found.stdout);
    expect(trials).toHaveLength(5);
    expect(Object.keys(importance)).toEqual(["learningRate", "dropout"]);
    expect(best.value).toBe(Math.max(...trials.map(({ value }: { value: number }) => value)));
    // Training again gives the trial's own weights.
    expect(metrics.accuracy).toBe(best.metrics.accuracy);
    const model = ["--model", join(folder, "m")];
    const evaluated = await athanor(["evaluate", TASK, ...model, join(folder, "test.csv"), "--json"]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject(best.metrics);

    const rows = join(folder, "train.csv");
    const short = ["--limit", "48", "--batch-size", "8", "--iterations", "6", "--seed", "3"];
    const shown = await athanor(["diagnose", TASK, ...model, rows, ...short, "--range"]);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toMatch(/^(slope|minimum|plateau|saddle point): /);
    expect(shown.stdout).toMatch(/^encoder\.layer\.1 +\d/m);
    expect(shown.stdout).toMatch(/^steepest fall +\d/m);
    const json = ["--json", "--learning-rate", "1e6", "--eigenvalues", "1"];
    const diagnosed = await athanor(["diagnose", TASK, ...model, rows, ...short, ...json]);
    expect(JSON.parse(diagnosed.stdout)).toMatchObject({
      ...{ rows: 48, verdict: "step too large", hessian: { largest: [expect.any(Number)] } },
      noise: { batchSizes: [8, 48] },
    });
    const none = await athanor(["diagnose", TASK, ...model, rows, "--parameters", "nothing"]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("got none whose name matches") });
  });
}, 120_000);

test("the table, without training again", async () => {
  await inFolder(async (folder) => {
    const args = [...(await prepare(folder)), "--trials", "2", "--sampler", "random", "--no-retrain"];
    const { code, stdout } = await athanor(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^trial +state +value +learningRate +dropout +seconds\n\d +complete/);
    expect(stdout).toMatch(/\n\nImportance:\nlearningRate +0\.\d{4}\ndropout +0\.\d{4}\n$/);
    const told = await athanor(["report", join(folder, "m")]);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    const page = await readFile(join(folder, "m", "report.html"), "utf8");
    expect(page).toContain("<figcaption>Value by trial</figcaption>");
    expect(page).not.toContain("<h2>Run</h2>");
    // A mistake does not cost the trials, whatever may be overwritten.
    const journal = join(folder, "m", "search.jsonl");
    const before = await readFile(journal, "utf8");
    await writeFile(join(folder, "space.json"), JSON.stringify({ lerningRate: SPACE.learningRate }));
    expect(await athanor([...args, "--overwrite"])).toMatchObject({ code: 2 });
    expect(await readFile(journal, "utf8")).toBe(before);
  });
}, 60_000);

test("a Ctrl-C while the best is trained again says so; --resume trains it from the beginning", async () => {
  await inFolder(async (folder) => {
    const how = ["--trials", "1", "--epochs", "12", "--seed", "2"];
    const args = [...(await prepare(folder)), ...how];
    const stopped = await athanor(args, { interruptAt: "epoch 1.00" });
    expect(stopped).toMatchObject({
      code: 130,
      stderr: expect.stringContaining(
        "search: stopped by Ctrl-C; the trials are over, --resume trains again from the beginning",
      ),
    });
    const found = await athanor([...args, "--resume", "--json"]);
    expect(found).toMatchObject({ code: 0 });
    const { best, metrics } = JSON.parse(found.stdout);
    expect(metrics).toEqual(best.metrics);
  });
}, 60_000);

test.each<[string, unknown, string[], string]>([
  [
    "an unknown parameter",
    { lerningRate: SPACE.learningRate },
    ["--trials", "2"],
    "lerningRate must be an argument",
  ],
  ["an empty space", {}, ["--trials", "2"], "at least one parameter"],
  ["no JSON", "{", ["--trials", "2"], "space.json: needs a space as JSON"],
  ["no number of trials", SPACE, [], "trials must be a whole number from 1"],
])("%s is refused", async (_, space, more, message) => {
  await inFolder(async (folder) => {
    const outcome = await athanor([...(await prepare(folder, space)), ...more]);
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
