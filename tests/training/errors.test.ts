// What goes wrong gets its coded error, and the process, the model and the parameters live on.
import { expect, test } from "@jest/globals";
import type { Example, Model } from "../../src/models/index.js";
import { textClassification } from "../../src/tasks/index.js";
import { ready } from "../../src/tensor/device.js";
import { AdamW, Trainer, type TrainingArgs } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { bitsOf, tinyExamples, tinyRows, tinyTokenizer, withModel } from "./support.js";

const tokenizer = tinyTokenizer();
const rows = tinyRows(12);

function trainError(model: Model, train: object[], args: TrainingArgs = {}) {
  return errorOf(() => new Trainer({ model, tokenizer, train, args }).train());
}

const text = "my card";

test.each<[string, object[], string, RegExp]>([
  ["an empty data set", [], "ERR_DATA", /train must have at least one row, got none/],
  [
    "a row without text",
    [{ label: "card" }],
    "ERR_DATA",
    /row 0 column "text" must be a text \(columns: label\), got undefined/,
  ],
  [
    "an empty text",
    [...rows, { text: " \n", label: "card" }],
    "ERR_DATA",
    /row 12 column "text" must be a text that is not empty, got " \\n"/,
  ],
  [
    "an empty second text",
    [{ text, pair: "", label: "card" }],
    "ERR_DATA",
    /row 0 column "pair" must be a text that is not empty, got ""/,
  ],
  ["a row without label", [...rows, { text }], "ERR_DATA", /row 12 column "label"/],
  [
    "an unknown label",
    [...rows, { text, label: "fee" }],
    "ERR_DATA",
    /row 12.* one of the model's 3 labels \(card, cash, pin\), got "fee"/,
  ],
  ["a label out of range", [{ text, label: 3 }], "ERR_DATA", /got 3/],
  ["a label named as a prototype's field", [{ text, label: "toString" }], "ERR_DATA", /got "toString"/],
  ["a row that is no object", [null as never], "ERR_DATA", /row 0/],
])("%s", async (_, train, code, message) => {
  await withModel(async (model) => {
    const error = await trainError(model, train);
    expect(error).toEqual({ code, message: expect.stringMatching(message) });
  });
});

test("one class only", async () => {
  await withModel(
    async (model) => {
      const error = await trainError(model, [{ text, label: "card" }]);
      expect(error).toMatchObject({
        code: "ERR_DATA",
        message: expect.stringContaining("at least two labels"),
      });
    },
    { id2label: { 0: "card" }, label2id: { card: 0 } },
  );
});

test.each<[string, TrainingArgs, RegExp]>([
  ["bf16 on the CPU", { precision: "bf16" }, /precision must be "f32"/],
  ["an unknown argument", { learning_rate: 1 } as TrainingArgs, /learning_rate/],
  ["two kinds of batches", { batchSize: 1, tokensPerBatch: 100 }, /tokensPerBatch/],
  ["two kinds of warm-up", { warmupSteps: 1, warmupRatio: 0.1 }, /warmupRatio/],
  ["no batch", { batchSize: 0 }, /batchSize must be an integer from 1, got 0/],
  ["a fraction of a seed", { seed: 0.5 }, /seed/],
  ["an unknown schedule", { schedule: "toString" as "linear" }, /schedule must be one of/],
  ["evaluation without rows", { evalEvery: 5 }, /eval must be given/],
  ["saving without a folder", { saveEvery: 5 }, /outputFolder must be given/],
  ["no epochs", { epochs: 0 }, /epochs must be a number above 0/],
  [
    "an unknown optimizer",
    { optimizer: "adam" as "adamw" },
    /optimizer must be one of adamw, sgd, adagrad, rmsprop/,
  ],
  [
    "another optimizer's option",
    { optimizer: "sgd", optimizerOptions: { betas: [0.9, 0.9] } },
    /optimizerOptions must be made of momentum, dampening, nesterov for sgd, got betas/,
  ],
  ["betas without AdamW", { optimizer: "sgd", betas: [0.9, 0.9] }, /betas must be in optimizerOptions/],
  ["eps twice", { eps: 1, optimizerOptions: { eps: 1 } }, /eps must be absent beside optimizerOptions/],
  [
    "an option out of range",
    { optimizer: "sgd", optimizerOptions: { momentum: -1 } },
    /momentum must be a number/,
  ],
  [
    "a group that fits nothing",
    { parameterGroups: [{ pattern: /layers/ }] },
    /\[0\]\.pattern.*got \/layers\/, which none has/,
  ],
  ["a group without a pattern", { parameterGroups: [{} as { pattern: string }] }, /pattern must be/],
  [
    "a group of a wrong name",
    { parameterGroups: [{ pattern: "a", lr: 1 } as { pattern: string }] },
    /got lr/,
  ],
  [
    "an option of another schedule",
    { schedule: "linear", scheduleOptions: { power: 2 } },
    /scheduleOptions must be made of nothing/,
  ],
  ["an end above 1", { schedule: "polynomial", scheduleOptions: { end: 2 } }, /end must be at most 1/],
  ["dropLast with token budgets", { dropLast: true, tokensPerBatch: 10 }, /dropLast must be false/],
  [
    "groups without mixing",
    { groupByLength: true, shuffle: false },
    /groupByLength must be false without shuffle/,
  ],
  ["smoothing above 1", { labelSmoothing: 1.5 }, /labelSmoothing must be a number from 0 to 1/],
  [
    "the best without evaluation",
    { saveEvery: "best", outputFolder: "x" },
    /eval must be given for saveEvery "best"/,
  ],
  ["evaluation at the start without rows", { evalOnStart: true }, /eval must be given for evalOnStart/],
  ["logs every half step", { logEvery: 0.5 }, /logEvery must be "epoch", "no" or a number of steps/],
])("%s is refused", async (_, args, message) => {
  await withModel(async (model) => {
    const error = await trainError(model, rows, args);
    expect(error).toEqual({ code: "ERR_ARGUMENT", message: expect.stringMatching(message) });
  });
});

test("empty texts, where they are accepted, and texts of any length train", async () => {
  await withModel(async (model) => {
    const train = [
      { text: "", label: "card" },
      { text: "   ", label: "pin" },
      { text: "my card ".repeat(500), pair: "lost cash ".repeat(500), label: "cash" },
    ];
    const task = textClassification({ emptyText: "accept" });
    const trainer = new Trainer({ model, tokenizer, task, train, args: { maxSteps: 2, batchSize: 3 } });
    const result = await trainer.train();
    expect(result.tokens).toBe(2 * (2 + 2 + 24));
    expect(Number.isFinite(result.loss)).toBe(true);
    expect(await trainer.predict([{ text: "" }])).toHaveLength(1);
  });
});

test.each<[string, Record<string, unknown>, Example["labels"]]>([
  ["a label out of range", {}, 7],
  ["a negative label", {}, -3],
  ["a NaN label", { problem_type: "regression" }, [1, Number.NaN, 1]],
])("a step with %s changes no parameter and tells the cause", async (_, config, bad) => {
  await withModel(async (model) => {
    const good = tinyExamples(20).map((example) => ({
      ...example,
      labels: Array.isArray(bad) ? [0, 1, 0] : example.labels,
    }));
    const before = await bitsOf(model.parameters());
    const prepare = (row: object) => row as Example;
    const poisoned = [{ ...good[0], labels: bad }];
    const args = { epochs: 1, batchSize: 20, learningRate: 1e-3 };
    const error = await errorOf(() => new Trainer({ model, train: poisoned, prepare, args }).train());
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toMatch(/label|target/);
    expect(await bitsOf(model.parameters())).toEqual(before);
    // The failure was claimed, and training goes on.
    await ready();
    const { loss, steps } = await new Trainer({ model, train: good, prepare, args }).train();
    expect(steps).toBe(1);
    expect(Number.isFinite(loss)).toBe(true);
    expect(await bitsOf(model.parameters())).not.toEqual(before);
  }, config);
});

test("by hand: a poisoned step is skipped whole, ready() says why, the next one works", async () => {
  await withModel(async (model) => {
    const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
    const step = (examples: Example[]) => {
      const batch = model.collate(examples);
      const { loss, logits } = model.train().forward(batch);
      loss!.backward();
      for (const t of [loss!, logits, batch, optimizer.step({ maxGradNorm: 1 }).gradNorm]) t.dispose();
      optimizer.zeroGrad();
    };
    const good = tinyExamples(8);
    step(good);
    const before = await bitsOf(model.parameters());
    await ready();
    step([...good, { ...good[0], labels: 99 }]);
    expect(await bitsOf(model.parameters())).toEqual(before);
    const error = await errorOf(() => ready());
    expect(error).toMatchObject({ code: "ERR_DATA", message: expect.stringContaining("99") });
    step(good);
    await ready();
    expect(await bitsOf(model.parameters())).not.toEqual(before);
    optimizer.dispose();
  });
});
