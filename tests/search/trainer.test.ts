// Searches over real training runs: arguments of a Trainer, Trainers made by a function, models that come and go.
import { expect, test } from "@jest/globals";
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { retrain, type SearchSpace, search } from "../../src/search/index.js";
import { engineState, synchronize } from "../../src/tensor/device.js";
import { Trainer, type TrainingArgs } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import {
  bitsOf,
  labels,
  tinyConfig,
  tinyModel,
  tinyRows,
  tinyTokenizer,
  withModel,
} from "../training/support.js";

const tokenizer = tinyTokenizer();
const [train, held] = [tinyRows(96, 2), tinyRows(48, 3)];
const args: TrainingArgs = { epochs: 3, batchSize: 16, metric: "accuracy", warmupRatio: 0.1 };

function trainerOf(more: TrainingArgs = {}, modelInit = () => tinyModel()): Trainer {
  return new Trainer({ modelInit, tokenizer, train, eval: held, args: { ...args, ...more } });
}

const space: SearchSpace = {
  learningRate: { type: "logUniform", low: 1e-6, high: 1e-1 },
  optimizer: { type: "choice", values: ["adamw", "sgd"] },
  "optimizerOptions.momentum": { type: "uniform", low: 0, high: 0.9, when: { optimizer: "sgd" } },
};

test("arguments of a Trainer are searched; the best are trained again to the same bits", async () => {
  await synchronize();
  const before = engineState().liveHandles;
  const trainer = trainerOf();
  const result = await search(trainer, space, { trials: 8, pruner: "median", seed: 2 });
  expect(engineState().liveHandles).toBe(before);
  expect(result.direction).toBe("maximize");
  const optimizers = result.trials.map(({ parameters: { optimizer } }) => optimizer);
  expect(new Set(optimizers)).toEqual(new Set(["adamw", "sgd"]));
  const best = Math.max(...result.trials.map(({ value = 0 }) => value));
  expect(result.best).toMatchObject({ state: "complete", value: best, metrics: { accuracy: best } });
  expect(result.best.evaluations.map(({ step }) => step)).toEqual([6, 12, 18]);
  const again = await retrain(trainer, result.best);
  expect(again.result.best!.value).toBe(best);
  const once = await bitsOf(again.trainer.model.parameters());
  const direct = trainerOf({
    learningRate: result.best.parameters.learningRate as number,
    optimizer: result.best.parameters.optimizer as "adamw",
    ...("optimizerOptions.momentum" in result.best.parameters && {
      optimizerOptions: { momentum: result.best.parameters["optimizerOptions.momentum"] as number },
    }),
  });
  await direct.train();
  expect(await bitsOf(direct.model.parameters())).toEqual(once);
  for (const { model } of [again.trainer, direct]) (model as { dispose?(): void }).dispose?.();
}, 60_000);

test("runs whose loss is not finite, and arguments that do not fit, are failed trials", async () => {
  const wild: SearchSpace = {
    learningRate: { type: "choice", values: [1e-8, 1e6] },
    gradientAccumulation: { type: "choice", values: [1, 0] },
  };
  const plain = trainerOf({ warmupRatio: 0, weightDecay: 1e6, optimizer: "sgd" });
  const { trials } = await search(plain, wild, { sampler: "grid" });
  expect(trials.map(({ state, error }) => [state, error?.code])).toEqual([
    ["complete", undefined],
    ["failed", "ERR_ARGUMENT"],
    ["failed", "ERR_DATA"],
    ["failed", "ERR_ARGUMENT"],
  ]);
  expect(trials[2].error!.message).toContain("loss and gradients must be finite");
}, 60_000);

test("a function makes the Trainer: parameters of the model", async () => {
  const made: number[] = [];
  const target = ({ dropout, learningRate }: Record<string, unknown>) => {
    const config = { ...tinyConfig, hidden_dropout_prob: dropout as number };
    made.push(dropout as number);
    const modelInit = () => AutoModelForSequenceClassification.fromConfig(config, { labels, seed: 3 });
    return trainerOf({ epochs: 1, learningRate: learningRate as number }, modelInit);
  };
  const ranges: SearchSpace = {
    dropout: { type: "choice", values: [0, 0.5] },
    learningRate: { type: "logUniform", low: 1e-4, high: 1e-2 },
  };
  const { trials } = await search(target, ranges, { trials: 3, direction: "maximize", seed: 4 });
  expect(trials.map(({ parameters }) => parameters.dropout)).toEqual(made);
  expect(trials.every(({ state }) => state === "complete")).toBe(true);
  expect(await errorOf(() => search(target, ranges, { trials: 1 }))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'search: direction must be "maximize" for the metric accuracy, got minimize',
  });
}, 60_000);

test("a signal ends the run under way", async () => {
  await synchronize();
  const before = engineState().liveHandles;
  const abort = new AbortController();
  const onEvent = ({ type }: { type: string }) => void (type === "evaluation" && abort.abort());
  const stopped = () => search(trainerOf(), space, { trials: 5, onEvent, signal: abort.signal });
  expect(await errorOf(stopped)).toMatchObject({ code: "ERR_ABORTED" });
  expect(engineState().liveHandles).toBe(before);
});

test("trials that are pruned, refused or fail in training again leave no tensor behind", async () => {
  await synchronize();
  const before = engineState().liveHandles;
  const rates: SearchSpace = { learningRate: { type: "choice", values: [3e-3, 1e-9, 1e-8] } };
  const how = { sampler: "grid", pruner: "median", prunerOptions: { startupTrials: 1 } } as const;
  const { trials } = await search(trainerOf(), rates, how);
  expect(trials.map(({ state, evaluations }) => [state, evaluations.length])).toEqual([
    ["complete", 3],
    ["pruned", expect.any(Number)],
    ["pruned", expect.any(Number)],
  ]);
  expect(engineState().liveHandles).toBe(before);
  // A function's Trainer whose model is there already, and whose metric goes the other way.
  const ready = async () => new Trainer({ model: await tinyModel(), tokenizer, train, eval: held, args });
  expect(await errorOf(() => search(ready, rates, { trials: 1 }))).toMatchObject({ code: "ERR_ARGUMENT" });
  expect(engineState().liveHandles).toBe(before);
  const best = { number: 0, parameters: { learningRate: 1e6 } };
  const wild = trainerOf({ warmupRatio: 0, weightDecay: 1e6, optimizer: "sgd" });
  expect(await errorOf(() => retrain(wild, best))).toMatchObject({ code: "ERR_DATA" });
  await synchronize();
  expect(engineState().liveHandles).toBe(before);
}, 60_000);

test("what cannot be searched is refused before the first trial", async () => {
  const refusal = (trainer: Trainer, ranges: SearchSpace = space) =>
    errorOf(() => search(trainer, ranges, { trials: 1 }));
  const rate = space.learningRate;
  expect(await refusal(trainerOf(), { lerningRate: rate })).toEqual({
    code: "ERR_ARGUMENT",
    message: "search: lerningRate must be an argument of the Trainer, got an unknown name",
  });
  expect(await refusal(trainerOf(), { "learningRate.x": rate })).toMatchObject({ code: "ERR_ARGUMENT" });
  expect(await refusal(trainerOf({ outputFolder: "out" }))).toEqual({
    code: "ERR_ARGUMENT",
    message:
      "search: trainer.args.outputFolder must be left out, as trials would overwrite each other, got out",
  });
  expect(await refusal(trainerOf({ evalEvery: "no" }))).toMatchObject({
    code: "ERR_ARGUMENT",
    message: expect.stringContaining("evalEvery"),
  });
  expect(await errorOf(() => search(trainerOf(), space, { trials: 1, direction: "minimize" }))).toMatchObject(
    { code: "ERR_ARGUMENT" },
  );
  await withModel(async (model) => {
    const shared = new Trainer({ model, tokenizer, train, eval: held, args });
    expect(await refusal(shared)).toEqual({
      code: "ERR_ARGUMENT",
      message: "Trainer: modelInit must be given for withArgs, got a model",
    });
  });
});
