// The loss of labelled rows alone, and logits that are made when somebody reads them.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import { AutoModelForMaskedLM, AutoModelForPreTraining } from "../../src/models/auto.js";
import type { Model } from "../../src/models/model.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { modelFolder } from "../support/model-fixtures.js";
import { expectClose, expectCode, expectSameBits } from "../support/ops.js";

const inputs = [{ inputIds: [2, 5, 9, 3] }, { inputIds: [2, 7, 3] }];
const labels = [
  [-100, 11, -100, -100],
  [-100, 4, 6],
];
const labelled = inputs.map((example, b) => ({ ...example, labels: labels[b] }));

let model: Model;
beforeAll(async () => {
  model = await AutoModelForMaskedLM.fromPretrained(modelFolder("bert-masked-lm"));
});
afterAll(() => model.dispose());

async function gradients(): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const [name, parameter] of model.parameters()) {
    if (parameter.grad) found.set(name, (await parameter.grad.data()) as Float32Array);
    parameter.grad = null;
  }
  return found;
}

describe("masked-LM outputs", () => {
  test("without labels: logits at once, no loss", async () => {
    const output = model.forward(model.collate(inputs));
    expect(Object.keys(output)).toContain("logits");
    expect(output.logits.shape).toEqual([7, model.config.vocab_size]);
    expect(output.loss).toBeUndefined();
  });

  test("with labels: the logits of the batch without, made when read, once", async () => {
    const output = noGrad(() => model.forward(model.collate(labelled)));
    expect(Object.keys(output)).not.toContain("logits");
    const { logits } = output;
    expect(output.logits).toBe(logits);
    expect(Object.keys(output)).toContain("logits");
    expect(logits.requiresGrad).toBe(false); // recording was off in the forward
    const plain = noGrad(() => model.forward(model.collate(inputs)));
    expectSameBits(await logits.data(), await plain.logits.data(), "logits");
  });

  test("the loss and its gradients are those of cross entropy over all rows", async () => {
    const batch = model.collate(labelled);
    const output = model.forward(batch);
    output.loss!.backward();
    const fused = await gradients();
    const whole = model.forward(batch);
    expect(whole.logits.requiresGrad).toBe(true);
    const loss = ops.crossEntropy(whole.logits, batch.labels!);
    loss.backward();
    const composed = await gradients();
    expectClose(await output.loss!.data(), await loss.data(), 1e-6, "loss");
    expect([...fused.keys()]).toEqual([...composed.keys()]);
    for (const [name, gradient] of fused) {
      // Key biases have no gradient but rounding.
      if (!name.endsWith("key.bias")) expectClose(gradient, composed.get(name)!, 5e-6, name);
    }
  });

  test("labels alone, without the list of their rows, give the same loss", async () => {
    const batch = model.collate(labelled);
    const all = noGrad(() => model.forward(batch).loss!);
    delete batch.extra.labelRows;
    delete batch.extra.rowLabels;
    const found = noGrad(() => model.forward(batch).loss!);
    expectClose(await found.data(), await all.data(), 1e-6, "loss");
  });

  test("no labelled token: the loss is NaN, the gradients are 0", async () => {
    const nothing = labelled.map((example, b) => ({ ...example, labels: labels[b].map(() => -100) }));
    const { loss } = model.forward(model.collate(nothing));
    loss!.backward();
    expect(await loss!.item()).toBeNaN();
    for (const gradient of (await gradients()).values()) expect(gradient.every((g) => g === 0)).toBe(true);
  });

  test("belong to the scope that reads them, and need the hidden states", () => {
    const output = scope(() => noGrad(() => model.forward(model.collate(labelled))));
    expect(output.lastHiddenState.disposed).toBe(false);
    scope(() => void output.logits);
    expect(output.logits.disposed).toBe(true);
    const other = noGrad(() => model.forward(model.collate(labelled)));
    other.lastHiddenState.dispose();
    expectCode(() => other.logits, "ERR_DISPOSED", "was disposed");
  });
});

test("pre-training: both names of the logits are one tensor", async () => {
  const both = await AutoModelForPreTraining.fromPretrained(modelFolder("bert-pretraining"));
  const examples = labelled.map((example) => ({ ...example, nextSentenceLabel: 1 }));
  const output = noGrad(() => both.forward(both.collate(examples)));
  expect(Object.keys(output)).not.toContain("predictionLogits");
  expect(output.predictionLogits).toBe(output.logits);
  expect(output.seqRelationshipLogits.shape).toEqual([2, 2]);
  both.dispose();
});
