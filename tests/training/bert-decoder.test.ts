// BERT as a decoder learns: to reverse what an encoder read, and by relative positions alone.
import { describe, expect, test } from "@jest/globals";
import { AdamW, AutoModel, AutoModelForCausalLM, type Model, type Tensor } from "../../src/index.js";
import { scope } from "../../src/tensor/scope.js";
import { uniform } from "../support/random.js";
import { tinyConfig } from "./support.js";

const decoder = { ...tinyConfig, is_decoder: true };

describe("learning", () => {
  const rows = (seed: number, count: number) => {
    const next = uniform(seed);
    return Array.from({ length: count }, () => Array.from({ length: 6 }, () => 5 + Math.floor(next() * 8)));
  };

  /** Trains all of them, and gives the loss of the last step. */
  async function lastLoss(models: Model[], steps: number, loss: (step: number) => Tensor): Promise<number> {
    const parameters = models.flatMap((model, i) =>
      [...model.parameters()].map(([name, t]): [string, Tensor] => [`${i}.${name}`, t]),
    );
    const optimizer = new AdamW(parameters, { lr: 3e-3 });
    let last = 0;
    for (let step = 0; step < steps; step++) {
      const value = scope(() => {
        const one = loss(step);
        one.backward();
        optimizer.step({ maxGradNorm: 1 });
        optimizer.zeroGrad();
        return one;
      });
      last = await value.item();
      value.dispose();
    }
    optimizer.dispose();
    return last;
  }

  test("an encoder and a decoder that looks at it learn to reverse, which the decoder alone cannot", async () => {
    const config = { ...tinyConfig, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
    const learn = async (look: boolean) => {
      const encoder = await AutoModel.fromConfig(config, { seed: 1 });
      const crossing = { ...config, is_decoder: true, add_cross_attention: true };
      const model = await AutoModelForCausalLM.fromConfig(crossing, { seed: 2 });
      const last = await lastLoss([encoder, model], look ? 300 : 40, (step) => {
        const sources = rows(step + 10, 32);
        const batch = encoder.collate(sources.map((inputIds) => ({ inputIds })));
        const { lastHiddenState } = encoder.forward(batch);
        const targets = sources.map((ids) => [2, ...ids.toReversed()]);
        const examples = targets.map((inputIds) => ({ inputIds, labels: inputIds }));
        const encoderOutputs = look ? { lastHiddenState, offsets: batch.offsets } : undefined;
        return model.forward(model.collate(examples), { encoderOutputs }).loss!;
      });
      encoder.dispose();
      model.dispose();
      return last;
    };
    expect(await learn(true)).toBeLessThan(0.2);
    expect(await learn(false)).toBeGreaterThan(1.9); // log 8 is 2.08
  });

  test("relative positions alone tell what came three tokens ago", async () => {
    const config = { ...decoder, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
    const relative = { ...config, position_embedding_type: "relative_key_query" };
    const model = await AutoModelForCausalLM.fromConfig(relative, { seed: 2 });
    const last = await lastLoss([model], 200, (step) => {
      const examples = rows(step + 10, 32).map((ids) => {
        const inputIds = [...ids.slice(0, 3), ...ids.slice(0, 3), ...ids.slice(0, 3), ...ids.slice(0, 3)];
        return { inputIds, labels: inputIds.map((id, i) => (i < 3 ? -100 : id)) };
      });
      return model.forward(model.collate(examples)).loss!;
    });
    expect(last).toBeLessThan(0.1);
    model.dispose();
  });
});
