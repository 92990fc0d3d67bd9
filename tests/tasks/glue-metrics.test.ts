// GLUE configurations and the metrics of text classification, against scikit-learn's numbers.
import { describe, expect, test } from "@jest/globals";
import { GLUE_CONFIGS, type GlueName } from "../../src/data/index.js";
import type { Model } from "../../src/models/index.js";
import { glueModelOptions, textClassification, textLabelNames } from "../../src/tasks/index.js";
import { errorOf } from "../data/temporary.js";
import { contextOf, wordTokenizer } from "./language-support.js";

const tokenizer = wordTokenizer("a b c d".split(" "));
const modelOf = (config: object, names: string[]) =>
  ({
    config: { ...config, id2label: Object.fromEntries(names.map((name, id) => [id, name])) },
  }) as unknown as Model;

/** Metrics of given best classes (or numbers) and labels. */
function metricsOf(
  task: ReturnType<typeof textClassification>,
  model: Model,
  found: (number | number[])[],
  labels: (number | number[])[],
): Record<string, number> {
  const width = Object.keys(model.config.id2label as object).length;
  const regression = model.config.problem_type === "regression";
  const data = found.flatMap((value) => {
    if (Array.isArray(value)) return value.map((bit) => (bit ? 3 : -3));
    return regression ? [value] : Array.from({ length: width }, (_, id) => (id === value ? 4 : 0));
  });
  const examples = labels.map((label) => ({ inputIds: [1], labels: label }));
  const logits = { data: Float32Array.from(data), shape: [found.length, width] };
  const rows = examples.map(() => ({}));
  return task.metrics(task.predict({ logits }, examples, model), examples, model, rows);
}

const binary: [number[], number[]] = [
  [1, 0, 1, 1, 0, 0],
  [1, 1, 1, 0, 0, 0],
];
const three: [number[], number[]] = [
  [0, 1, 2, 2, 0],
  [0, 2, 2, 1, 0],
];

test.each([
  ["cola", binary, { matthewsCorrelation: 1 / 3 }],
  ["sst2", binary, { accuracy: 2 / 3 }],
  ["mrpc", binary, { accuracy: 2 / 3, f1: 2 / 3 }],
  ["qqp", binary, { accuracy: 2 / 3, f1: 2 / 3 }],
  ["mnli", three, { accuracy: 0.6 }],
  ["qnli", binary, { accuracy: 2 / 3 }],
  ["rte", binary, { accuracy: 2 / 3 }],
  ["wnli", binary, { accuracy: 2 / 3 }],
  ["ax", three, { matthewsCorrelation: 0.375, accuracy: 0.6 }],
  [
    "stsb",
    [
      [1, 2, 3, 5],
      [1, 3, 2, 5],
    ],
    { pearson: 0.885714, spearman: 0.8 },
  ],
] as [GlueName, [number[], number[]], Record<string, number>][])(
  "metrics of %s",
  (name, [found, labels], wanted) => {
    const { labels: names, config } = glueModelOptions(name);
    const metrics = metricsOf(textClassification({ glue: name }), modelOf(config, names), found, labels);
    expect(Object.keys(metrics).sort()).toEqual(Object.keys(wanted).sort());
    for (const [key, value] of Object.entries(wanted)) expect(metrics[key]).toBeCloseTo(value, 5);
  },
);

test("every configuration has its columns and a model that fits", async () => {
  for (const name of Object.keys(GLUE_CONFIGS) as GlueName[]) {
    const { labels, config } = glueModelOptions(name);
    const texts = Object.fromEntries(GLUE_CONFIGS[name].texts.map((column) => [column, "a b"]));
    const context = { ...contextOf(tokenizer, "train"), model: modelOf(config, labels) };
    const [example] = await textClassification({ glue: name }).prepare([{ ...texts, label: 0 }], context);
    const pair = GLUE_CONFIGS[name].texts.length === 2;
    expect([example.inputIds!.length, example.labels]).toEqual([pair ? 7 : 4, 0]);
    const wrong = { ...context, model: modelOf({}, ["x", "y", "z", "w"]) };
    expect(await errorOf(() => textClassification({ glue: name }).prepare([], wrong))).toMatchObject({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining(`GLUE's ${name} needs a model with`),
    });
  }
  expect(await errorOf(async () => textClassification({ glue: "glue" as "sst2" }))).toMatchObject({
    code: "ERR_ARGUMENT",
    message: expect.stringContaining("glue must be one of cola, sst2, mrpc"),
  });
});

test("a model with GLUE's classes in another order keeps its own; metrics go by GLUE's", async () => {
  const row = { sentence1: "a", sentence2: "b" };
  const learning = (model: Model) => ({ ...contextOf(tokenizer, "train"), model });
  const nli = modelOf({}, ["CONTRADICTION", "ENTAILMENT", "NEUTRAL"]);
  const rows = [0, 1, 2, "neutral"].map((label) => ({ ...row, label }));
  const read = await textClassification({ glue: "mnli" }).prepare(rows, learning(nli));
  expect(read.map(({ labels }) => labels)).toEqual([1, 2, 0, 2]);

  const swapped = modelOf({}, ["equivalent", "not_equivalent"]);
  const task = textClassification({ glue: "mrpc" });
  const pairs = [0, 1, 1].map((label) => ({ ...row, label }));
  const own = (await task.prepare(pairs, learning(swapped))).map(({ labels }) => labels as number);
  expect(own).toEqual([1, 0, 0]);
  // Of two equivalent pairs one is found, and nothing else taken for one: precision 1, recall 1/2.
  expect(metricsOf(task, swapped, [1, 0, 1], own)).toEqual({ accuracy: 2 / 3, f1: 2 / 3 });

  const unnamed = modelOf({}, ["LABEL_0", "LABEL_1", "LABEL_2"]);
  const same = await textClassification({ glue: "mnli" }).prepare(rows, learning(unnamed));
  expect(same.map(({ labels }) => labels)).toEqual([0, 1, 2, 1]);
  const wrong = () => textClassification({ glue: "mnli" }).prepare([{ ...row, label: 3 }], learning(nli));
  expect(await errorOf(wrong)).toMatchObject({ code: "ERR_DATA", message: expect.stringContaining("got 3") });
});

test("a pair of GLUE must have its second text", async () => {
  const context = { ...contextOf(tokenizer, "train"), model: modelOf({}, ["not_equivalent", "equivalent"]) };
  const prepare = () => textClassification({ glue: "mrpc" }).prepare([{ sentence1: "a", label: 1 }], context);
  expect(await errorOf(prepare)).toMatchObject({
    code: "ERR_DATA",
    message: expect.stringContaining('textClassification: row 0 column "sentence2" must be a text'),
  });
});

describe("metrics of other data", () => {
  const task = textClassification();
  test("two classes: of class 1", () => {
    const metrics = metricsOf(task, modelOf({}, ["no", "yes"]), [1, 1, 0, 1], [1, 0, 0, 0]);
    expect(metrics).toEqual({ accuracy: 0.5, f1: 0.5, precision: 1 / 3, recall: 1 });
    const none = metricsOf(task, modelOf({}, ["no", "yes"]), [0, 0], [0, 0]);
    expect(none).toEqual({ accuracy: 1, f1: 0, precision: 0, recall: 0 });
  });

  test("more classes: means over them", () => {
    // scikit-learn: f1_score([0,2,2,1,0], [0,1,2,2,0], average="macro") = 0.5
    const metrics = metricsOf(task, modelOf({}, ["a", "b", "c"]), ...three);
    expect(metrics).toEqual({ accuracy: 0.6, f1_macro: 0.5, precision_macro: 0.5, recall_macro: 0.5 });
  });

  test("several labels: all right, and f1 of the ones", () => {
    const model = modelOf({ problem_type: "multi_label_classification" }, ["a", "b", "c"]);
    const found = [
      [1, 0, 1],
      [0, 1, 0],
      [0, 0, 0],
    ];
    const wanted = [
      [1, 0, 1],
      [0, 1, 1],
      [1, 0, 0],
    ];
    const metrics = metricsOf(task, model, found, wanted);
    expect(metrics.accuracy).toBeCloseTo(1 / 3, 6);
    expect(metrics.f1_micro).toBeCloseTo(0.75, 6);
    expect(metrics.f1_macro).toBeCloseTo(7 / 9, 6);
  });

  test("numbers: errors and correlations, which constant numbers do not have", () => {
    const model = modelOf({ problem_type: "regression" }, ["score"]);
    const metrics = metricsOf(task, model, [1, 2, 4], [1, 3, 2]);
    expect([metrics.mse, metrics.mae]).toEqual([5 / 3, 1]);
    expect(metrics.pearson).toBeCloseTo(0.327327, 5);
    expect(Object.keys(metricsOf(task, model, [1, 1], [1, 3]))).toEqual(["mse", "mae"]);
  });
});

test("names of labels come sorted, of lists too", async () => {
  expect(textLabelNames([{ label: 10 }, { label: 2 }, { label: 2 }])).toEqual(["2", "10"]);
  expect(textLabelNames([{ y: ["b", "a"] }, { y: [] }, { y: ["c"] }], "y")).toEqual(["a", "b", "c"]);
  const error = await errorOf(async () => textLabelNames([{ label: "a" }, { label: [null] }]));
  expect(error).toMatchObject({ code: "ERR_DATA", message: expect.stringContaining("row 1") });
});

test("a missing column names those that there are", async () => {
  const context = { ...contextOf(tokenizer, "train"), model: modelOf({}, ["a", "b"]) };
  const error = await errorOf(() => textClassification().prepare([{ sentence: "a", label: 0 }], context));
  expect(error).toMatchObject({
    code: "ERR_DATA",
    message:
      'textClassification: row 0 column "text" must be a text (columns: sentence, label), got undefined',
  });
});
