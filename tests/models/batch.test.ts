// Collation, forward options and what wrong examples and labels are told.
import { describe, expect, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import {
  AutoModel,
  AutoModelForMultipleChoice,
  AutoModelForPreTraining,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from "../../src/models/auto.js";
import type { Example } from "../../src/models/batch.js";
import type { Model } from "../../src/models/model.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";

const config = {
  model_type: "bert",
  vocab_size: 100,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 16,
};

describe("ragged batches", () => {
  test("lay sequences one after another", async () => {
    const model = await AutoModel.fromConfig(config);
    const batch = model.collate([
      { inputIds: [4, 5, 6], tokenTypeIds: [0, 0, 1] },
      { inputIds: Int32Array.of(7), positionIds: [9] },
      { ids: [8, 9], typeIds: [1, 1] },
    ]);
    expect([batch.size, batch.tokens]).toEqual([3, 6]);
    expect(Array.from(await batch.inputIds.data())).toEqual([4, 5, 6, 7, 8, 9]);
    expect(Array.from(await batch.tokenTypeIds.data())).toEqual([0, 0, 1, 0, 1, 1]);
    expect(Array.from(await batch.positionIds.data())).toEqual([0, 1, 2, 9, 0, 1]);
    expect(Array.from(await batch.offsets.data())).toEqual([0, 3, 4, 6]);
    expect(batch.unpack(Float32Array.of(1, 2, 3, 4, 5, 6)).map((part) => Array.from(part))).toEqual([
      [1, 2, 3],
      [4],
      [5, 6],
    ]);
    expect(batch.unpackPadded(Float32Array.of(1, 2, 3, 4, 5, 6), -1)).toEqual({
      data: Float32Array.of(1, 2, 3, 4, -1, -1, 5, 6, -1),
      shape: [3, 3, 1],
    });
  });

  test("a sequence's outputs do not depend on its neighbours", async () => {
    const model = await AutoModel.fromConfig(config, { seed: 2 });
    const run = async (examples: Example[]) => {
      const batch = model.collate(examples);
      return batch.unpack(await noGrad(() => model.forward(batch)).lastHiddenState.data());
    };
    const example = { inputIds: [5, 6, 7, 8] };
    const [alone] = await run([example]);
    const [, among] = await run([{ inputIds: [9, 9, 9, 9, 9, 9, 9] }, example, { inputIds: [3] }]);
    // Blocking may differ with the number of rows: float32 rounding, no more.
    for (let i = 0; i < alone.length; i++) expect(Math.abs(alone[i] - among[i])).toBeLessThan(2e-6);
  });

  test("attentions are one (H, L, L) tensor per layer and sequence, rows summing to one", async () => {
    const model = await AutoModel.fromConfig(config, { seed: 2 });
    const batch = model.collate([{ inputIds: [4, 5, 6] }, { inputIds: [7] }]);
    const { attentions, hiddenStates } = noGrad(() =>
      model.forward(batch, { attentions: true, hiddenStates: true }),
    );
    expect(attentions!.map((layer) => layer.map((t) => t.shape))).toEqual([
      [
        [2, 3, 3],
        [2, 1, 1],
      ],
      [
        [2, 3, 3],
        [2, 1, 1],
      ],
    ]);
    const sums = await ops.sum(attentions![1][0], { dim: 2 }).data();
    for (const sum of sums) expect(Math.abs(sum - 1)).toBeLessThan(1e-6);
    expect(hiddenStates!.map((t) => t.shape)).toEqual([
      [4, 32],
      [4, 32],
      [4, 32],
    ]);
  });
});

describe("dropout and freezing", () => {
  test("training draws new masks from the model's generator, evaluation none", async () => {
    const model = await AutoModel.fromConfig(config, { seed: 2 });
    const batch = model.collate([{ inputIds: [4, 5, 6] }]);
    const run = async () => Array.from(await noGrad(() => model.forward(batch)).lastHiddenState.data());
    const evaluated = await run();
    expect(await run()).toEqual(evaluated);
    expect(model.generator.calls).toBe(0);
    model.train();
    const first = await run();
    const calls = model.generator.calls;
    expect(calls).toBeGreaterThan(0);
    expect(await run()).not.toEqual(first);
    model.generator.calls = 0;
    expect(await run()).toEqual(first);
    expect(model.generator.calls).toBe(calls);
    model.eval();
    expect(await run()).toEqual(evaluated);
  });

  test("frozen parameters get no gradient, also parts of a packed one", async () => {
    const model = await AutoModelForSequenceClassification.fromConfig(config, { seed: 2 });
    model.freeze(/embeddings|self\.query\./).freeze((name) => name === "classifier.bias");
    scope(() => model.forward(model.collate([{ inputIds: [4, 5, 6], labels: 1 }])).loss!.backward());
    for (const [name, t] of model.parameters()) {
      const frozen = /embeddings|self\.query\./.test(name) || name === "classifier.bias";
      expect([name, t.grad === null]).toEqual([name, frozen]);
    }
  });
});

describe("wrong examples", () => {
  const wrong: [string, (examples: Example[]) => unknown, Example[], RegExp][] = [];
  let model: Model;
  const collate = (examples: Example[]) => model.collate(examples);
  wrong.push(
    ["none", collate, [], /at least one example/],
    ["no ids", collate, [{ labels: 1 }], /example 0 needs inputIds, got labels/],
    [
      "an empty sequence",
      collate,
      [{ inputIds: [1] }, { inputIds: [] }],
      /example 1 needs at least one token/,
    ],
    [
      "too long",
      collate,
      [{ inputIds: new Int32Array(17) }],
      /example 0 has 17 tokens, the model has positions for 16/,
    ],
    [
      "types of another length",
      collate,
      [{ inputIds: [1, 2], tokenTypeIds: [0] }],
      /tokenTypeIds must be 2 long, got 1/,
    ],
    ["ids that are not integers", collate, [{ inputIds: [1.5] }], /inputIds must be integers, got 1.5/],
    [
      "labels for some",
      collate,
      [{ inputIds: [1], labels: 0 }, { inputIds: [1] }],
      /example 1 has no labels/,
    ],
    [
      "a token that the model lacks",
      collate,
      [
        { inputIds: [1], labels: 0 },
        { inputIds: [2, 100], labels: 0 },
      ],
      /example 1: tokens must be from 0 to \d+, got 100; is the tokenizer the model's\?/,
    ],
    ["a negative token", collate, [{ inputIds: [-1], labels: 0 }], /tokens must be from 0 to \d+, got -1/],
    ["a NaN label", collate, [{ inputIds: [1], labels: Number.NaN }], /labels must be integers, got NaN/],
  );
  test.each(wrong)("%s", async (_, run, examples, message) => {
    model = await AutoModelForSequenceClassification.fromConfig(config, { labels: ["a", "b", "c"] });
    expectCode(() => run(examples), "ERR_ARGUMENT", message);
  });

  test("what only the kernels can see arrives with the data", async () => {
    const classifier = await AutoModelForSequenceClassification.fromConfig(config, { labels: ["a", "b"] });
    const loss = (example: Example) =>
      scope(() => classifier.forward(classifier.collate([example])).loss!).item();
    await expectCodeAsync(loss({ inputIds: [1], labels: 5 }), "ERR_DATA", /label 5 outside 0\.\.1/);
    await expectCodeAsync(loss({ inputIds: [1], tokenTypeIds: [2], labels: 0 }), "ERR_DATA", /embedding.*2/);
    expect(Number.isFinite(await loss({ inputIds: [1], labels: 1 }))).toBe(true);
  });

  test("float labels: NaN and wrong widths", async () => {
    const bits = await AutoModelForSequenceClassification.fromConfig(
      { ...config, problem_type: "multi_label_classification" },
      { labels: ["a", "b"] },
    );
    expectCode(
      () => bits.collate([{ inputIds: [1], labels: [1] }]),
      "ERR_ARGUMENT",
      /labels must be 2 numbers, got 1/,
    );
    const output = scope(
      () => bits.forward(bits.collate([{ inputIds: [1], labels: [0, Number.NaN] }])).loss!,
    );
    await expectCodeAsync(output.item(), "ERR_DATA", /bce_with_logits/);
  });

  test("heads with labels of their own", async () => {
    const tokens = await AutoModelForTokenClassification.fromConfig(config);
    expectCode(
      () => tokens.collate([{ inputIds: [1, 2], labels: [0] }]),
      "ERR_ARGUMENT",
      /labels must be 2 long, got 1/,
    );
    const choices = await AutoModelForMultipleChoice.fromConfig(config);
    const pair = [{ inputIds: [1] }, { inputIds: [2] }];
    expectCode(
      () => choices.collate([{ choices: pair, labels: 2 }]),
      "ERR_ARGUMENT",
      /labels must be 0 to 1, got 2/,
    );
    expectCode(
      () => choices.collate([{ choices: pair }, { inputIds: [1] }]),
      "ERR_ARGUMENT",
      /example 1 needs choices/,
    );
    const spans = await AutoModelForQuestionAnswering.fromConfig(config);
    expectCode(
      () => spans.collate([{ inputIds: [1], startPosition: 0 }]),
      "ERR_ARGUMENT",
      /startPosition and endPosition/,
    );
    const both = await AutoModelForPreTraining.fromConfig(config);
    expectCode(
      () => both.collate([{ inputIds: [1], labels: [1] }]),
      "ERR_ARGUMENT",
      /labels and nextSentenceLabel/,
    );
  });

  test("ragged multiple choice: any number of choices", async () => {
    const model = await AutoModelForMultipleChoice.fromConfig(config, { seed: 1 });
    const batch = model.collate([
      { choices: [{ inputIds: [1] }, { inputIds: [2, 3] }, { inputIds: [4] }], labels: 2 },
      { choices: [{ inputIds: [5] }, { inputIds: [6] }], labels: 0 },
    ]);
    const { logits, loss } = noGrad(() => model.forward(batch));
    const z = await logits.data();
    expect(z.length).toBe(5);
    const nll = (values: number[], label: number) =>
      Math.log(values.reduce((s, x) => s + Math.exp(x), 0)) - values[label];
    const wanted = (nll([z[0], z[1], z[2]], 2) + nll([z[3], z[4]], 0)) / 2;
    expect(Math.abs((await loss!.item()) - wanted)).toBeLessThan(1e-6);
  });
});
