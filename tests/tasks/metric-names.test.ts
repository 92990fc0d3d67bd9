// The names that tasks tell before training are those that they give afterwards.
import { expect, test } from "@jest/globals";
import { GLUE_CONFIGS, type GlueName } from "../../src/data/index.js";
import {
  glueModelOptions,
  maskedLanguageModeling,
  multipleChoice,
  preTraining,
  questionAnswering,
  textClassification,
  tokenClassification,
} from "../../src/tasks/index.js";
import { type Task, type TrainableModel, Trainer } from "../../src/training/index.js";

// biome-ignore lint/suspicious/noExplicitAny: a list of tasks of many kinds
type AnyTask = Task<any, any>;

function modelOf(labels: string[], config: object = {}): TrainableModel {
  return {
    config: { id2label: Object.fromEntries(labels.entries()), ...config },
  } as unknown as TrainableModel;
}

function names(task: AnyTask, model: TrainableModel, ...values: unknown[]): string[][] {
  const [results, examples = [], rows = [], loss] = values as [unknown[], never[], object[], number];
  const given = Object.keys(task.metrics(results, examples, model, rows, loss));
  return [[...task.metricNames!(model)].sort(), given.sort()];
}

function expectSame([told, given]: string[][]): void {
  expect(told).toEqual(given);
}

const scored = (...scores: number[][]) =>
  scores.map((values) => ({ score: values[0], scores: Float32Array.from(values) }));

test.each(["single_label_classification", "multi_label_classification", "regression"])(
  "%s",
  (problem_type) => {
    const labels = {
      regression: [1.5, 2.5],
      multi_label_classification: [
        [1, 0, 0],
        [0, 1, 1],
      ],
    }[problem_type];
    const examples = (labels ?? [0, 2]).map((label) => ({ inputIds: [1], labels: label }));
    const model = modelOf(["a", "b", "c"], { problem_type });
    const results = scored([0.5, 0.2, 0.3], [0.1, 0.1, 0.8]);
    expectSame(names(textClassification(), model, results, examples));
  },
);

test("two classes", () => {
  const examples = [0, 1].map((labels) => ({ inputIds: [1], labels }));
  expectSame(names(textClassification(), modelOf(["no", "yes"]), scored([1, 0], [0, 1]), examples));
});

test.each(Object.keys(GLUE_CONFIGS) as GlueName[])("GLUE's %s", (glue) => {
  const { labels, config } = glueModelOptions(glue);
  const examples = [0, 1].map((label) => ({ inputIds: [1], labels: label }));
  const results = scored([0.9, 0.1, 0], [0.2, 0.8, 0]);
  expectSame(names(textClassification({ glue }), modelOf(labels, config), results, examples));
});

const tagged = (...labels: string[]) => ({ words: labels.map((label) => ({ label })), missing: 0 });

test("entities, with those of each type, and single labels", () => {
  const chunks = modelOf(["O", "B-NP", "I-NP", "B-VP"]);
  const results = [tagged("B-NP", "I-NP", "B-VP")];
  expectSame(names(tokenClassification(), chunks, results, [], [{ tags: ["B-NP", "O", "B-VP"] }]));
  const speech = modelOf(["NOUN", "VERB"]);
  expectSame(names(tokenClassification(), speech, [tagged("NOUN")], [], [{ tags: ["VERB"] }]));
});

test("multiple choice, masks and pre-training", () => {
  const model = modelOf([]);
  expectSame(names(multipleChoice(), model, [{ choice: 1 }], [{ labels: 1 }]));
  const counted = { counted: 2, right: 1, rightPair: true, pairLoss: 0.5 };
  expectSame(names(maskedLanguageModeling(), model, [counted], [], [], 2));
  expectSame(names(preTraining({ objective: "sop" }), model, [counted], [], [], 2));
});

test.each([1, 2] as const)("question answering, version %i", (version) => {
  const rows = [
    { id: "a", question: "q", context: "c d", answers: { text: ["c"], answer_start: [0] } },
    { id: "b", question: "q", context: "c d", answers: { text: [], answer_start: [] } },
  ];
  const results = rows.map(() => ({
    text: "c",
    candidates: [{ text: "c", start: 0, end: 1 }],
    nullDifference: 0,
  }));
  const some = version === 1 ? 1 : 2;
  const parts = [results.slice(0, some), [], rows.slice(0, some)];
  expectSame(names(questionAnswering({ version }), modelOf([]), ...parts));
});

test("the Trainer refuses another metric before it prepares a row", async () => {
  let prepared = 0;
  const task: Task = {
    ...(multipleChoice() as AnyTask),
    prepare: async () => {
      prepared++;
      return [];
    },
  };
  const model = { ...modelOf([]), train() {}, eval() {}, parameters: () => new Map() } as never;
  const args = { metric: "accurracy", evalEvery: "epoch" } as const;
  const trainer = new Trainer({ model, task, train: [{}], eval: [{}], args });
  await expect(trainer.train()).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
    message: "Trainer: metric must be one of loss, accuracy, got accurracy",
  });
  expect(prepared).toBe(0);
});
