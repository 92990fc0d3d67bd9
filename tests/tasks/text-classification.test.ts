// The task alone: columns to examples, logits to predictions, predictions to metrics.
import { expect, test } from "@jest/globals";
import { AutoModelForNextSentencePrediction, type Example } from "../../src/models/index.js";
import { defaultTask } from "../../src/tasks/default-task.js";
import { textClassification } from "../../src/tasks/index.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { labels, tinyConfig, tinyTokenizer, withModel } from "../training/support.js";

const tokenizer = tinyTokenizer();
const rest = async () => {};

async function prepared(config: object, rows: object[], options = {}): Promise<Example[]> {
  return withModel(
    (model) => textClassification(options).prepare(rows, { model, tokenizer, labels: "required", rest }),
    config as Record<string, unknown>,
  );
}

const labelsOf = (examples: Example[]) => examples.map((example) => example.labels);

test("labels are names first, then ids", async () => {
  const rows = ["pin", 0, "cash", 2].map((label) => ({ text: "my", label }));
  expect(labelsOf(await prepared({}, rows))).toEqual([2, 0, 1, 2]);
  // Stars from 1 to 3 are names here, though 1 and 2 are ids as well.
  const config = { id2label: { 0: "1", 1: "2", 2: "3" }, label2id: { 1: 0, 2: 1, 3: 2 } };
  expect(
    labelsOf(
      await prepared(
        config,
        [1, 2, 3, "3"].map((label) => ({ text: "my", label })),
      ),
    ),
  ).toEqual([0, 1, 2, 2]);
});

test("multi-label rows are lists of names, or bits", async () => {
  const config = { problem_type: "multi_label_classification" };
  const rows = [["pin", "card"], [], [0, 1, 1], [1]].map((label) => ({ text: "my", label }));
  expect(labelsOf(await prepared(config, rows))).toEqual([
    [1, 0, 1],
    [0, 0, 0],
    [0, 1, 1],
    [0, 1, 0],
  ]);
  const error = await errorOf(() => prepared(config, [{ text: "my", label: "pin" }]));
  expect(error).toMatchObject({ code: "ERR_DATA", message: expect.stringContaining("a list of labels") });
});

test("regression takes numbers, also in text", async () => {
  const config = { problem_type: "regression", id2label: { 0: "score" } };
  const rows = [2.5, "-1e-3", 0].map((label) => ({ text: "my", label }));
  expect(labelsOf(await prepared(config, rows))).toEqual([2.5, -1e-3, 0]);
  for (const label of [Number.NaN, "", "high", null, Number.POSITIVE_INFINITY]) {
    expect((await errorOf(() => prepared(config, [{ text: "my", label }]))).code).toBe("ERR_DATA");
  }
});

test("columns have names, pairs are joined, long texts are cut", async () => {
  const [pair, long] = await prepared(
    {},
    [
      { question: "my card", context: "is lost", intent: "card" },
      { question: "card ".repeat(100), intent: "card" },
    ],
    { textColumn: "question", pairColumn: "context", labelColumn: "intent", maxLength: 10 },
  );
  expect(Array.from(pair.inputIds!)).toEqual(
    Array.from(tokenizer.encode("my card", { pair: "is lost" }).ids),
  );
  expect(Array.from(pair.tokenTypeIds!)).toEqual([0, 0, 0, 0, 1, 1, 1]);
  expect(long.inputIds).toHaveLength(10);
  expect(long.tokenTypeIds).toBeUndefined();
});

test("scores are probabilities, also where exp would overflow", async () => {
  const logits = { data: Float32Array.from([500, 500, -500, 0, 1000, 0]), shape: [2, 3] };
  await withModel(async (model) => {
    const [first, second] = textClassification().predict({ logits }, [{}, {}], model);
    expect([...first.scores]).toEqual([0.5, 0.5, 0]);
    expect(second).toEqual({ label: labels[1], score: 1, scores: Float32Array.from([0, 1, 0]) });
  });
  await withModel(
    async (model) => {
      const [first] = textClassification().predict({ logits }, [{}], model);
      expect([...first.scores]).toEqual([1, 1, 0]);
    },
    { problem_type: "multi_label_classification" },
  );
});

test.each([
  [
    { problem_type: "regression", id2label: { 0: "score" } },
    ["mse", "pearson", "spearman"],
    (i: number) => i % 3,
  ],
  [
    { problem_type: "multi_label_classification" },
    ["accuracy", "f1Micro", "f1Macro"],
    (i: number) => labels.slice(i % 3),
  ],
] as [object, string[], (i: number) => unknown][])(
  "training and evaluating with %j",
  async (config, names, labelOf) => {
    await withModel(
      async (model) => {
        const train = Array.from({ length: 12 }, (_, i) => ({ text: labels[i % 3], label: labelOf(i) }));
        const args = { epochs: 8, batchSize: 4, learningRate: 3e-3 };
        const trainer = new Trainer({ model, tokenizer, train, eval: train, args });
        const before = await trainer.evaluate();
        const { metrics } = await trainer.train();
        expect(metrics!.loss).toBeLessThan(before.loss);
        expect(Object.keys(metrics!)).toEqual(["loss", ...names]);
      },
      config as Record<string, unknown>,
    );
  },
);

test("a head without a task asks for one", async () => {
  const model = await AutoModelForNextSentencePrediction.fromConfig(tinyConfig, { labels });
  expect(() => defaultTask(model)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  model.dispose();
});
