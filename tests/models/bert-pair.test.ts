// Two BERTs as encoder and decoder against Transformers 5.18.0: rows whose targets have no padding inside, which the
// reference would mask.
import { expect, test } from "@jest/globals";
import type { ModelOutput } from "../../src/models/model.js";
import { noGrad } from "../../src/tensor/scope.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { load, withModel } from "../support/generative-models.js";
import { examplesOf, modelCase } from "../support/model-fixtures.js";

const outputs: [theirs: string, ours: (output: ModelOutput) => Tensor, side: "source" | "target"][] = [
  ["logits", ({ logits }) => logits, "target"],
  ["encoder_last_hidden_state", ({ encoderLastHiddenState }) => encoderLastHiddenState, "source"],
  ["encoder_hidden_states.0", ({ encoderHiddenStates }) => encoderHiddenStates![0], "source"],
  ["encoder_hidden_states.1", ({ encoderHiddenStates }) => encoderHiddenStates![1], "source"],
  ["decoder_hidden_states.0", ({ decoderHiddenStates }) => decoderHiddenStates![0], "target"],
  ["decoder_hidden_states.1", ({ decoderHiddenStates }) => decoderHiddenStates![1], "target"],
];

test("names, logits and hidden states", async () => {
  const c = await modelCase("../bert-pair");
  await withModel(load("../bert-pair"), async (model) => {
    expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expect(model.architecture).toBe(c.class);
    expect([...model.parameters().keys()].sort()).toEqual(Object.keys(c.parameters).sort());
    const batch = model.collate(examplesOf(c));
    const output = noGrad(() => model.forward(batch, { hiddenStates: true }));
    for (const [theirs, ours, side] of outputs) {
      const tokens = side === "source" ? batch : batch.decoder!;
      const found = tokens.unpack(await ours(output).data());
      const { shape, data } = c.tensors.get(`output.${theirs}`)!;
      for (const row of [1, 2]) {
        const begin = row * shape[1] * shape[2];
        const worst = (found[row] as Float32Array).reduce(
          (most, value, i) => Math.max(most, Math.abs(value - data[begin + i])),
          0,
        );
        expect(worst).toBeLessThan(2e-5);
      }
    }
  });
});
