// Label smoothing, class weights and weights of positive targets: what they do to the loss of each head.
import { describe, expect, test } from "@jest/globals";
import {
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForNextSentencePrediction,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type Example,
  type LossOptions,
  type Model,
} from "../../src/models/index.js";
import { scope } from "../../src/tensor/scope.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { labels, tinyConfig, tinyExamples, tinyModel, withModel } from "../training/support.js";

interface Case {
  labelSmoothing?: number;
  weights?: readonly number[];
}

/** torch.nn.functional.cross_entropy in doubles; -100 does not count. */
function crossEntropyOf(
  logits: ArrayLike<number>,
  targets: readonly number[],
  classes: number,
  of: Case,
): number {
  const { labelSmoothing = 0, weights = new Array(classes).fill(1) } = of;
  let [loss, smooth, total] = [0, 0, 0];
  targets.forEach((target, row) => {
    if (target === -100) return;
    const z = Array.from({ length: classes }, (_, c) => logits[row * classes + c]);
    const log = Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0));
    loss += weights[target] * (log - z[target]);
    smooth += z.reduce((sum, x, c) => sum + weights[c] * (log - x), 0);
    total += weights[target];
  });
  return ((1 - labelSmoothing) * loss + (labelSmoothing / classes) * smooth) / total;
}

/** Loss, what it divides by, and logits. */
function outputOf(model: Model, examples: Example[]) {
  return scope(() => {
    const batch = model.collate(examples);
    const { loss, logits } = model.forward(batch);
    const { lossCount } = batch;
    return { loss: loss!.dataSync()[0], logits: logits.dataSync() as Float32Array, lossCount };
  });
}

const options: [string, LossOptions, Case][] = [
  ["none", {}, {}],
  ["label smoothing", { labelSmoothing: 0.1 }, { labelSmoothing: 0.1 }],
  ["class weights", { classWeights: [0.5, 2, 3] }, { weights: [0.5, 2, 3] }],
  ["both", { labelSmoothing: 0.2, classWeights: [0, 1, 4] }, { labelSmoothing: 0.2, weights: [0, 1, 4] }],
];

test.each(options)("sequence classification: %s", async (_, loss, of) => {
  await withModel(async (model) => {
    const examples = tinyExamples(12);
    const targets = examples.map((example) => example.labels as number);
    const found = outputOf(model.setLoss(loss), examples);
    expect(found.loss).toBeCloseTo(crossEntropyOf(found.logits, targets, 3, of), 5);
    const weight = targets.reduce((sum, target) => sum + (of.weights?.[target] ?? 1), 0);
    expect(found.lossCount).toBe(weight);
  });
});

test.each(options)("token classification: %s", async (_, loss, of) => {
  const model = await AutoModelForTokenClassification.fromConfig(tinyConfig, { labels, seed: 3, ...loss });
  const examples = tinyExamples(5).map(({ inputIds }, i) => ({
    inputIds,
    labels: Array.from(inputIds!, (_, t) => (t === 0 ? -100 : (t + i) % 3)),
  }));
  const targets = examples.flatMap((example) => example.labels);
  const found = outputOf(model, examples);
  expect(found.loss).toBeCloseTo(crossEntropyOf(found.logits, targets, 3, of), 5);
  const counted = targets.filter((target) => target !== -100);
  expect(found.lossCount).toBe(counted.reduce((sum, target) => sum + (of.weights?.[target] ?? 1), 0));
  model.dispose();
});

test("masked language model: label smoothing", async () => {
  const model = await AutoModelForMaskedLM.fromConfig(tinyConfig, { labelSmoothing: 0.3, seed: 3 });
  const examples = tinyExamples(4).map(({ inputIds }) => ({
    inputIds,
    labels: Array.from(inputIds!, (id, t) => (t % 2 === 0 ? -100 : id)),
  }));
  const found = outputOf(model, examples);
  const targets = examples.flatMap((example) => example.labels);
  const wanted = crossEntropyOf(found.logits, targets, tinyConfig.vocab_size, { labelSmoothing: 0.3 });
  expect(found.loss).toBeCloseTo(wanted, 5);
  model.dispose();
});

test("multiple choice: label smoothing over as many choices as there are", async () => {
  const model = await AutoModelForMultipleChoice.fromConfig(tinyConfig, { labelSmoothing: 0.3, seed: 3 });
  const rows = tinyExamples(9).map(({ inputIds }) => ({ inputIds }));
  const examples = [
    { choices: rows.slice(0, 4), labels: 2 },
    { choices: rows.slice(4, 6), labels: 0 },
    { choices: rows.slice(6), labels: 1 },
  ];
  const found = outputOf(model, examples);
  const losses = examples.map(({ choices, labels }, b) => {
    const first = [0, 4, 6][b];
    const logits = found.logits.slice(first, first + choices.length);
    return crossEntropyOf(logits, [labels], choices.length, { labelSmoothing: 0.3 });
  });
  expect(found.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 3, 5);
  expect(found.lossCount).toBe(3);
  model.dispose();
});

test("several labels: weights of positive targets, one for all or one each", async () => {
  for (const posWeight of [3, [1, 2, 5]]) {
    await withModel(
      async (model) => {
        const examples = tinyExamples(6).map(({ inputIds }, i) => ({
          inputIds,
          labels: [i % 2, 1, i % 3 === 0 ? 1 : 0],
        }));
        const { loss, logits } = outputOf(model.setLoss({ posWeight }), examples);
        const targets = examples.flatMap((example) => example.labels);
        const sum = targets.reduce((total, target, i) => {
          const weight = Array.isArray(posWeight) ? posWeight[i % 3] : posWeight;
          const softplus = (x: number) => Math.log1p(Math.exp(x));
          return total + (target ? weight * softplus(-logits[i]) : softplus(logits[i]));
        }, 0);
        expect(loss).toBeCloseTo(sum / targets.length, 5);
      },
      { problem_type: "multi_label_classification" },
    );
  }
});

test("accumulated batches weigh by class weights, as one large batch does", async () => {
  const trained = (batchSize: number, gradientAccumulation: number) =>
    withModel(
      async (model) => {
        const args = {
          ...{
            batchSize,
            gradientAccumulation,
            maxSteps: 1,
            shuffle: false,
            learningRate: 1,
            schedule: "constant" as const,
          },
          ...{ optimizer: "sgd" as const, classWeights: [0.2, 1, 5], labelSmoothing: 0.1 },
        };
        const train = tinyExamples(24);
        const result = await new Trainer({ model, train, prepare: (row) => row as Example, args }).train();
        const weights = (await model.parameters().get("classifier.weight")!.data()) as Float32Array;
        return { loss: result.loss, weights };
      },
      { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
    );
  const [whole, parts] = [await trained(24, 1), await trained(6, 4)];
  expect(parts.loss).toBeCloseTo(whole.loss, 5);
  parts.weights.forEach((value, i) => {
    expect(value).toBeCloseTo(whole.weights[i], 5);
  });
});

describe("refused", () => {
  const made = async (make: () => Promise<Model>) => {
    const error = await errorOf(async () => (await make()).dispose());
    return { code: error.code, message: error.message.slice(0, 60) };
  };
  const of = (text: string) => ({ code: "ERR_ARGUMENT", message: expect.stringContaining(text) });

  test("options that a head does not have, or out of range", async () => {
    const weights = { classWeights: [1, 1] };
    expect(await made(() => AutoModelForMaskedLM.fromConfig(tinyConfig, weights))).toEqual(
      of("loss: classWeights"),
    );
    const smooth = { labelSmoothing: 0.1 };
    expect(await made(() => AutoModelForQuestionAnswering.fromConfig(tinyConfig, smooth))).toEqual(
      of("labelSmoothing"),
    );
    const many = { labels, classWeights: [1, 1] };
    expect(await made(() => AutoModelForSequenceClassification.fromConfig(tinyConfig, many))).toEqual(
      of("classWeights must be 3 numbers"),
    );
    const next = { classWeights: [1, -1] };
    expect(await made(() => AutoModelForNextSentencePrediction.fromConfig(tinyConfig, next))).toEqual(
      of("classWeights"),
    );
    expect(await made(() => AutoModelForMaskedLM.fromConfig(tinyConfig, { labelSmoothing: 2 }))).toEqual(
      of("labelSmoothing must be a number from 0 to 1"),
    );
  });

  test("options for other labels than there are", async () => {
    await withModel(async (model) => {
      const one = tinyExamples(2);
      const several = one.map(({ inputIds }) => ({ inputIds, labels: [1, 0, 1] }));
      const failing = (loss: LossOptions, examples: Example[]) =>
        errorOf(() => outputOf(model.setLoss(loss), examples));
      expect(await failing({ posWeight: 2 }, one)).toEqual(of("posWeight"));
      expect(await failing({ classWeights: [1, 2, 3] }, several)).toEqual(of("classWeights"));
      expect(await failing({ labelSmoothing: 0.1 }, several)).toEqual(of("labelSmoothing"));
    });
  });

  test("by a Trainer, for a model with a loss of its own", async () => {
    const model = await tinyModel();
    const own = new Proxy(model, {
      get: (target, key) => (key === "setLoss" ? undefined : Reflect.get(target, key)),
    });
    const error = await errorOf(() => new Trainer({ model: own, args: { labelSmoothing: 0.1 } }));
    expect(error).toEqual(of("labelSmoothing must be left out"));
    model.dispose();
  });
});
