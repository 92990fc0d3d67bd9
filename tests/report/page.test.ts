// The page: what its curves, tables and pictures hold.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import pngjs from "pngjs";
import { type AttentionRow, attentionSection } from "../../src/report/attention-maps.js";
import { chartsOf } from "../../src/report/charts.js";
import { confusionTable } from "../../src/report/confusion.js";
import { type RunLog, readRunLog, reportHtml } from "../../src/report/index.js";
import type { RunManifest, TrainEvent } from "../../src/training/index.js";

function event(type: TrainEvent["type"], step: number, more: Partial<TrainEvent> = {}): TrainEvent {
  const numbers = { totalSteps: 3000, epoch: step / 100, loss: 1 / step, learningRate: 1e-4, gradNorm: 2 };
  return { type, step, ...numbers, tokens: 10 * step, tokensPerSecond: 100, ...more };
}

const manifest: RunManifest = {
  status: "finished",
  startedAt: "2026-11-01T10:00:00.000Z",
  ...{ steps: 4, totalSteps: 4, epoch: 1, tokens: 40, loss: 0.5 },
  task: "text-classification",
  model: { architecture: "BertForSequenceClassification", parameters: 100, config: { note: "</script><b>" } },
  args: { learningRate: 1e-4 },
  data: {} as RunManifest["data"],
  versions: { athanor: "0", node: "0" },
  machine: { platform: "linux", arch: "x64", device: "cpu", threads: 1, instructionSet: "avx2" },
};

function runOf(events: TrainEvent[]): RunLog {
  const ofType = (type: TrainEvent["type"]) => events.filter((one) => one.type === type);
  return { folder: "out", manifest, steps: ofType("step"), evaluations: ofType("evaluate") };
}

test("curves: evaluations lie at their steps, what is not finite is a gap, layers are curves of one chart", () => {
  const charts = chartsOf(
    runOf([
      event("step", 1, { gradNorm: Number.NaN }),
      event("step", 2, { layerNorms: { embeddings: 0.25, classifier: 4 } }),
      event("evaluate", 2, { metrics: { loss: 0.75, accuracy: 0.5, perplexity: 30, PER_f1: 0.1 } }),
      event("step", 3),
      event("evaluate", 4, { metrics: { loss: 0.5, accuracy: 1, perplexity: 20, PER_f1: 0.2 } }),
    ]),
  );
  expect(charts.map(({ title }) => title)).toEqual([
    "Loss",
    "Evaluation",
    "Evaluation: perplexity",
    "Learning rate",
    "Gradient norm",
    "Gradient norm by layer",
  ]);
  expect(charts[0]).toMatchObject({ x: [1, 2, 3, 4] });
  expect(charts[0].series.map(({ y }) => y)).toEqual([
    [1, 0.5, 0.33333, null],
    [null, 0.75, null, 0.5],
  ]);
  expect(charts[1].series).toMatchObject([{ name: "accuracy", y: [0.5, 1] }]);
  expect(charts[4].series[0].y).toEqual([null, 2, 2]);
  expect(charts[5]).toMatchObject({
    x: [2],
    series: [
      { name: "embeddings", y: [0.25] },
      { name: "classifier", y: [4] },
    ],
  });
});

test("long runs are thinned to means", () => {
  const charts = chartsOf(runOf(Array.from({ length: 2500 }, (_, i) => event("step", i + 1, { loss: i }))));
  const [{ x, series }] = charts;
  expect(x).toHaveLength(834);
  expect([x[0], x[833]]).toEqual([3, 2500]);
  expect([series[0].y[0], series[0].y[1], series[0].y[833]]).toEqual([1, 4, 2499]);
});

test("steps without a number, as a log has them, do not count in the means", () => {
  const steps = Array.from({ length: 2500 }, (_, i) => event("step", i + 1, { loss: 6, gradNorm: 3 }));
  // JSON has no NaN: a log says null.
  const none = null as unknown as number;
  for (const i of [1, 3, 4, 5]) Object.assign(steps[i], { loss: none, gradNorm: none });
  const charts = chartsOf(runOf(steps));
  const [loss, , norm] = charts.map(({ series }) => series[0].y.slice(0, 3));
  expect(loss).toEqual([6, null, 6]);
  expect(norm).toEqual([3, null, 3]);
});

test("the matrix has counts, and precision and recall of each class", () => {
  const table = confusionTable({ predicted: ["a", "a", "<b>", "a"], actual: ["a", "<b>", "<b>", "a"] });
  const cells = [...table.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row]) =>
    [...row.matchAll(/<t[hd][^>]*>(?:<span>)?(.*?)(?:<\/span>)?<\/t[hd]>/g)].map(([, text]) => text),
  );
  expect(cells).toEqual([
    ["true \\ predicted", "&lt;b&gt;", "a", "precision", "recall", "rows"],
    ["&lt;b&gt;", "1", "1", "1.000", "0.500", "2"],
    ["a", "", "2", "0.667", "1.000", "2"],
  ]);
});

test("of many classes those with most mistakes are shown", () => {
  const actual = Array.from({ length: 100 }, (_, i) => `class ${i % 50}`);
  const predicted = actual.map((name, i) => (i < 3 ? "class 49" : name));
  const table = confusionTable({ predicted, actual });
  expect(table).toContain("The 40 classes with most mistakes; 10 are left out.");
  for (const name of ["class 0", "class 1", "class 2", "class 49"])
    expect(table).toContain(`<th>${name}</th>`);
});

const row: AttentionRow = {
  title: "Row 0",
  tokens: ["[CLS]", "<a>"],
  layers: [{ heads: 2, weights: Float32Array.from([1, 0, 0.25, 0.75, 0, 1, 0.75, 0.25]) }],
};

test("pictures hold the weights: white 0, black 1, square roots between; first the mean, then the heads", () => {
  const section = attentionSection(row);
  const pictures = [...section.matchAll(/data:image\/png;base64,([\w+/=]+)/g)].map(([, text]) => {
    const { width, height, data } = pngjs.PNG.sync.read(Buffer.from(text, "base64"));
    return { width, height, reds: Array.from(data).filter((_, i) => i % 4 === 0) };
  });
  const gray = (weight: number) => Math.round(255 * (1 - Math.sqrt(weight)));
  const square = { width: 2, height: 2 };
  expect(pictures).toEqual([
    { ...square, reds: [0.5, 0.5, 0.5, 0.5].map(gray) },
    { ...square, reds: [1, 0, 0.25, 0.75].map(gray) },
    { ...square, reds: [0, 1, 0.75, 0.25].map(gray) },
  ]);
  expect(section).toContain("&lt;a&gt;");
});

test("the page needs nothing else, is small, and takes no text for markup", async () => {
  const run = runOf(Array.from({ length: 2000 }, (_, i) => event("step", i + 1)));
  const classes = { predicted: ["<script>x"], actual: ["<script>x"] };
  const page = await reportHtml({ run, classes, attention: [row] });
  expect(page.length).toBeLessThan(150_000);
  expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
  expect(page).not.toContain("<script>x");
  expect(page).not.toContain("</script><b>");
  const [, json] = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page)!;
  expect(JSON.parse(json)).toHaveLength(3);
});

test("folders without a run, and lines that are none, are named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "athanor-report-"));
  const fails = (text: string) =>
    expect(readRunLog(folder)).rejects.toMatchObject({
      code: "ERR_DATA",
      message: expect.stringContaining(text),
    });
  await fails("run.json: needs the outputFolder of a training run, with run.json in it, got ENOENT");
  await writeFile(join(folder, "run.json"), JSON.stringify({ ...manifest, args: undefined }));
  await fails("run.json: must be what a training run writes, got one without args");
  await writeFile(join(folder, "run.json"), JSON.stringify(manifest));
  await fails("log.jsonl: needs a log of the run's events (jsonlLog(");
  await writeFile(join(folder, "log.jsonl"), `${JSON.stringify(event("log", 1))}\n7\n`);
  await fails("log.jsonl:2: must be a JSON object, got 7");
  // A last line that was cut off, and a log without steps.
  await writeFile(join(folder, "log.jsonl"), `${JSON.stringify(event("log", 1))}\n{"type":"lo`);
  expect(await readRunLog(folder)).toMatchObject({ steps: [{ step: 1 }], evaluations: [] });
  await rm(folder, { recursive: true });
});
