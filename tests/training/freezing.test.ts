// Parts of a model that learn slowly or not at all: freezing by name and by layer, layer-wise decay.
import { describe, expect, test } from "@jest/globals";
import { AutoModel, layerwiseDecay, type Model, type ParameterChoice, Trainer } from "../../src/index.js";
import { layerCount, layerOf } from "../../src/models/layers-by-name.js";
import { tensor } from "../../src/tensor/tensor.js";
import { groupsByRules } from "../../src/training/group-rules.js";
import { optimizedParameters } from "../../src/training/optimizers/parameter-groups.js";
import { autoClassOf } from "../support/auto-classes.js";
import { modelCases, modelFolder } from "../support/model-fixtures.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";
import { bitsOf, tinyModel, tinyRows, tinyTokenizer, withModel } from "./support.js";

const frozen = (model: Model) =>
  [...model.parameters()].filter(([, { requiresGrad }]) => !requiresGrad).map(([name]) => name);

const args = { epochs: 8, learningRate: 3e-3, batchSize: 16, seed: 5 };
const rows = () => ({ tokenizer: tinyTokenizer(), train: tinyRows(200), eval: tinyRows(60, 9) });

describe("freezing", () => {
  test("by pattern, by function, by layers and embeddings, and back", () =>
    withModel(async (model) => {
      const all = [...model.parameters().keys()];
      expect(frozen(model.freeze(/LayerNorm/))).toEqual(all.filter((name) => name.includes("LayerNorm")));
      expect(frozen(model.unfreeze(/./))).toEqual([]);
      expect(frozen(model.freeze((name) => name.endsWith(".bias")))).toHaveLength(19);
      model.unfreeze(/./).freeze({ layers: [1] });
      expect(frozen(model)).toEqual(all.filter((name) => name.includes(".layer.1.")));
      model.unfreeze({ layers: [1] }).freeze({ layers: 1, embeddings: true });
      expect(frozen(model)).toEqual(all.filter((name) => /\.layer\.0\.|\.embeddings\./.test(name)));
    }));

  test("frozen parameters keep their bits while the others learn", () =>
    withModel(async (model) => {
      model.freeze({ layers: 1, embeddings: true });
      const before = await bitsOf(model.parameters());
      const { metrics } = await new Trainer({
        model,
        ...rows(),
        args: { ...args, weightDecay: 0.1 },
      }).train();
      expect(metrics!.accuracy).toBeGreaterThan(0.9);
      const after = await bitsOf(model.parameters());
      const changed = [...before.keys()].filter((name) => before.get(name) !== after.get(name));
      expect(changed).toEqual([...before.keys()].filter((name) => !frozen(model).includes(name)));
    }));

  const wrong: [ParameterChoice, RegExp][] = [
    [
      /layer\.7/,
      /freeze: what is chosen must be part of the model, got \/layer\\\.7\/, which no parameter is/,
    ],
    [() => false, /which no parameter is/],
    [{}, /must be part of the model, got \{\}/],
    [{ layers: 3 }, /freeze: layers must be from 0 to 1, got 2/],
    [{ layers: [-1] }, /layers must be from 0 to 1, got -1/],
    [{ layers: "1" as never }, /layers must be numbers of layers, or how many, got "1"/],
    [{ heads: 1 } as never, /may have layers and embeddings, got heads/],
    ["classifier" as never, /must be a regular expression, a function or layers, got classifier/],
  ];
  test.each(wrong)("of %p is an error", (choice, message) =>
    withModel(async (model) => expectCode(() => model.freeze(choice), "ERR_ARGUMENT", message)),
  );

  test("everything leaves nothing to train", () =>
    withModel(async (model) => {
      const trainer = new Trainer({ model: model.freeze(/./), ...rows(), args });
      await expectCodeAsync(
        trainer.train(),
        "ERR_ARGUMENT",
        "a parameter that is trained, got all of them frozen",
      );
      expect((await trainer.evaluate()).loss).toBeGreaterThan(0);
    }));

  test("weights in fewer bits stay frozen", async () => {
    const model = await AutoModel.fromPretrained(modelFolder("bert-model"), { dtype: "int8" });
    expectCode(() => model.unfreeze(/./), "ERR_DTYPE", "needs weights in f32, got int8");
    model.dispose();
  });
});

describe("layer-wise decay", () => {
  test("gives each layer and the embeddings their factor, the head and the pooler the whole rate", () =>
    withModel(async (model) => {
      const rules = layerwiseDecay(model, { decay: 0.5 });
      expect(rules).toEqual([
        { pattern: "bert.embeddings.", learningRate: 0.125 },
        { pattern: "bert.encoder.layer.0.", learningRate: 0.25 },
        { pattern: "bert.encoder.layer.1.", learningRate: 0.5 },
      ]);
      const groups = groupsByRules(model.parameters(), rules, { learningRate: 0.01, weightDecay: 0 });
      const defaults = { who: "AdamW", lr: 0.01, weightDecay: 0, noDecay: () => false };
      const ratios = new Map(
        optimizedParameters(groups, defaults).map(({ name, lrRatio }) => [name, lrRatio]),
      );
      expect(ratios.size).toBe(model.parameters().size);
      expect(ratios.get("bert.embeddings.LayerNorm.bias")).toBeCloseTo(0.125, 12);
      expect(ratios.get("bert.encoder.layer.1.output.dense.weight")).toBeCloseTo(0.5, 12);
      expect(ratios.get("bert.pooler.dense.weight")).toBe(1);
      expect(ratios.get("classifier.weight")).toBe(1);
    }));

  test("twelve layers are told from two", () => {
    const names = [1, 10, 11].map((layer) => `encoder.layer.${layer}.output.dense.weight`);
    const parameters = new Map(names.map((name) => [name, tensor([0], [1])]));
    const rules = layerwiseDecay({ parameters: () => parameters }, { decay: 0.9 });
    const groups = groupsByRules(parameters, rules, { learningRate: 1, weightDecay: 0 });
    const lrs = groups.map(({ parameters: own, lr }) => [[...own][0][0], lr]);
    expect(lrs).toEqual([
      [names[0], 0.9 ** 11],
      [names[1], 0.9 ** 2],
      [names[2], 0.9],
    ]);
  });

  test.each(modelCases())(
    "%s: every parameter is of a layer, of the embeddings, or learns at the whole rate",
    async (name) => {
      const model = await autoClassOf(name).fromPretrained(modelFolder(name));
      const names = [...model.parameters().keys()];
      const rules = layerwiseDecay(model, { decay: 0.9 });
      const whole = names.filter((one) => !rules.some(({ pattern }) => one.includes(pattern as string)));
      expect(layerCount(names)).toBeGreaterThan(0);
      expect(whole.every((one) => layerOf(one) === undefined)).toBe(true);
      const known =
        /pooler|classifier|cls\.|lm_head|qa_outputs|vocab_|predictions|generator_|summary|seq_relationship|classif/;
      expect(whole.filter((one) => !known.test(one))).toEqual([]);
      model.dispose();
    },
  );

  test("learns", () =>
    withModel(async (model) => {
      const parameterGroups = layerwiseDecay(model, { decay: 0.8 });
      const { metrics } = await new Trainer({ model, ...rows(), args: { ...args, parameterGroups } }).train();
      expect(metrics!.accuracy).toBeGreaterThan(0.9);
    }));

  test("misuse", async () => {
    const model = await tinyModel();
    for (const decay of [0, 1.1, Number.NaN, undefined as never]) {
      expectCode(
        () => layerwiseDecay(model, { decay }),
        "ERR_ARGUMENT",
        "layerwiseDecay: decay must be above 0 to 1",
      );
    }
    const none = { parameters: () => new Map([["output.weight", tensor([0], [1])]]) };
    expectCode(
      () => layerwiseDecay(none, { decay: 0.9 }),
      "ERR_ARGUMENT",
      "whose parameters tell their layer",
    );
    model.dispose();
  });
});
