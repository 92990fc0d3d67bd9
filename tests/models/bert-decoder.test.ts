// BERT as a decoder: what the fixtures of family-fixtures.test.ts do not say of causal attention, of the look at an
// encoder's output, and of relative positions.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, type Model, ops } from "../../src/index.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { encoderOutputsOf, examplesOf, modelCase, modelFolder } from "../support/model-fixtures.js";
import { expectClose, expectCode, expectCodeAsync, expectSameBits } from "../support/ops.js";
import { bitsOf, tinyConfig } from "../training/support.js";

const decoder = { ...tinyConfig, is_decoder: true };

test("a token's logits do not depend on what comes after it", async () => {
  const model = await AutoModelForCausalLM.fromConfig(decoder);
  const logits = async (inputIds: number[]) => {
    const data = await noGrad(() => model.forward(model.collate([{ inputIds }]))).logits.data();
    return data.slice(0, 3 * tinyConfig.vocab_size);
  };
  expectSameBits(await logits([2, 7, 9, 4, 3]), await logits([2, 7, 9, 12, 15]), "logits");
  model.dispose();
});

test("labels move to the token before, within each sequence", async () => {
  const model = await AutoModelForCausalLM.fromConfig(decoder);
  const batch = model.collate([
    { inputIds: [2, 7, 9], labels: [2, 7, 9] },
    { inputIds: [5], labels: [5] },
    { inputIds: [4, 6, 8], labels: [-100, -100, 8] },
  ]);
  const { labelRows, rowLabels } = batch.extra;
  expect(Array.from(await labelRows.data())).toEqual([0, 1, 5]);
  expect(Array.from(await rowLabels.data())).toEqual([7, 9, 8]);
  expect(batch.lossCount).toBe(3);
  const output = model.forward(batch);
  const whole = ops.crossEntropy(ops.gatherRows(output.logits, labelRows), rowLabels);
  expectClose(await output.loss!.data(), await whole.data(), 1e-6, "loss");
  model.dispose();
});

describe("cross-attention", () => {
  let model: Model;
  beforeAll(async () => {
    model = await AutoModelForCausalLM.fromPretrained(modelFolder("bert-causal-lm-cross"));
  });
  afterAll(() => model.dispose());

  test("gives the encoder its gradient (transformers 5.18.0)", async () => {
    const c = await modelCase("bert-causal-lm-cross");
    const encoderOutputs = encoderOutputsOf(c)!;
    encoderOutputs.lastHiddenState.requiresGrad = true;
    model.forward(model.collate(examplesOf(c)), { encoderOutputs }).loss!.backward();
    const { shape, data } = c.tensors.get("output.grad_of_encoder_hidden_states")!;
    const mask = c.tensors.get("input.encoder_attention_mask")!.data;
    const wanted = data.filter((_, i) => mask[Math.floor(i / shape[2])] === 1);
    expectClose(await encoderOutputs.lastHiddenState.grad!.data(), wanted, 2e-5, "gradient");
  });

  // The same bits only from 17 rows on: products with fewer take another path when nothing is recorded.
  test.each([true, false])(
    "recomputed layers give the same gradients (encoder trained: %s)",
    async (trained) => {
      const c = await modelCase("bert-causal-lm-cross");
      const gradients = async (recompute: boolean) => {
        const encoderOutputs = encoderOutputsOf(c)!;
        encoderOutputs.lastHiddenState.requiresGrad = trained;
        for (const parameter of model.parameters().values()) parameter.grad = null;
        model.train().gradientCheckpointing = recompute;
        scope(() => model.forward(model.collate(examplesOf(c)), { encoderOutputs }).loss!.backward());
        model.eval().gradientCheckpointing = false;
        return Promise.all([...model.parameters().values()].map(({ grad }) => grad!.data()));
      };
      const [kept, recomputed] = [await gradients(false), await gradients(true)];
      kept.forEach((gradient, i) => {
        const name = [...model.parameters().keys()][i];
        if (!c.gradient_is_rounding_noise.includes(name)) expectClose(recomputed[i], gradient, 1e-5, name);
      });
    },
  );

  test("without an encoder's output looks at its own tokens alone", async () => {
    const batch = model.collate([{ inputIds: [5, 6, 7] }]);
    const plain = await AutoModelForCausalLM.fromPretrained(modelFolder("bert-causal-lm-cross"), {
      config: { add_cross_attention: false },
    });
    expect(plain.loadReport.unexpected.every((name) => name.includes("crossattention"))).toBe(true);
    const logits = (of: Model) => noGrad(() => of.forward(batch)).logits.data();
    expectSameBits(await logits(model), await logits(plain), "logits");
    plain.dispose();
  });

  test("of an encoder is an error, and so is a causal model that is none", async () => {
    const encoder = await AutoModel.fromConfig(tinyConfig);
    const batch = encoder.collate([{ inputIds: [5] }]);
    const offsets = tensor([0, 1], [2], { dtype: "i32" });
    const encoderOutputs = { lastHiddenState: tensor(new Float32Array(32), [1, 32]), offsets };
    const wrong = () => encoder.forward(batch, { encoderOutputs });
    expectCode(wrong, "ERR_ARGUMENT", "encoderOutputs must be left out for a model without cross-attention");
    encoder.dispose();
    const causal = AutoModelForCausalLM.fromConfig(tinyConfig);
    await expectCodeAsync(causal, "ERR_CHECKPOINT", "is_decoder must be true for a causal language model");
  });
});

describe("relative positions", () => {
  const folder = modelFolder("bert-relative-key-query-masked-lm");

  test("recomputed layers give the same bits", async () => {
    const model = await AutoModelForMaskedLM.fromPretrained(folder);
    const c = await modelCase("bert-relative-key-query-masked-lm");
    const gradients = async (recompute: boolean) => {
      for (const parameter of model.parameters().values()) parameter.grad = null;
      model.train().gradientCheckpointing = recompute;
      scope(() => model.forward(model.collate(examplesOf(c))).loss!.backward());
      const found = [...model.parameters()].filter(([, { grad }]) => grad !== null);
      return bitsOf(new Map(found.map(([name, { grad }]) => [name, grad!])));
    };
    const [kept, recomputed] = [await gradients(false), await gradients(true)];
    expect([...kept.keys()].filter((name) => recomputed.get(name) !== kept.get(name))).toEqual([]);
    expect(kept.size).toBeGreaterThan(40);
    model.dispose();
  });

  test("one token, and sequences as long as there are positions", async () => {
    const model = await AutoModelForMaskedLM.fromPretrained(folder);
    const long = Array.from({ length: 40 }, (_, i) => 5 + (i % 30));
    const rows = [long, [7], long.slice(0, 39)];
    const whole = noGrad(() => model.forward(model.collate(rows.map((inputIds) => ({ inputIds }))))).logits;
    const parts = await Promise.all(
      rows.map((inputIds) => noGrad(() => model.forward(model.collate([{ inputIds }]))).logits.data()),
    );
    const apart = parts.flatMap((part) => Array.from(part));
    expectClose(await whole.data(), apart, 2e-6, "logits");
    model.dispose();
  });
});
