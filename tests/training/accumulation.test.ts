// Gradient accumulation weighted by labels gives what one large batch gives.
import { expect, test } from "@jest/globals";
import type { Example } from "../../src/models/index.js";
import { AdamW } from "../../src/training/index.js";
import { enqueueStep } from "../../src/training/step.js";
import { tinyExamples, withModel } from "./support.js";

/** Parameters and numbers after some steps on groups of these examples. */
async function trained(cut: (examples: Example[]) => Example[][]) {
  return withModel(
    async (model) => {
      // eps of 1 keeps Adam from turning rounding noise into steps of full size.
      const optimizer = new AdamW(model.parameters(), { lr: 0.05, eps: 1 });
      model.train();
      const numbers = [];
      for (let i = 0; i < 3; i++) {
        const step = await enqueueStep({ model, optimizer, maxGradNorm: 1 }, cut(tinyExamples(31, i)));
        numbers.push({ ...(await step.numbers), labels: step.labels, tokens: step.tokens });
      }
      const parameters = new Map<string, Float32Array>();
      for (const [name, tensor] of model.parameters())
        parameters.set(name, (await tensor.data()) as Float32Array);
      optimizer.dispose();
      return { numbers, parameters };
    },
    { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  );
}

test("uneven micro-batches equal the whole batch but for rounding", async () => {
  const whole = await trained((examples) => [examples]);
  const parts = await trained((examples) => [examples.slice(0, 4), examples.slice(4, 5), examples.slice(5)]);
  parts.numbers.forEach(({ loss, gradNorm, ...counts }, i) => {
    const { loss: wholeLoss, gradNorm: wholeNorm, ...wholeCounts } = whole.numbers[i];
    expect(counts).toEqual(wholeCounts);
    // Sums in another order: a few roundings of 6e-8 each, relative to the sums.
    expect(Math.abs(loss - wholeLoss)).toBeLessThanOrEqual(2e-6 * wholeLoss);
    expect(Math.abs(gradNorm - wholeNorm)).toBeLessThanOrEqual(1e-5 * wholeNorm);
  });
  for (const [name, values] of parts.parameters) {
    const reference = whole.parameters.get(name)!;
    const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const error = values.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i])), 0);
    expect(error).toBeLessThanOrEqual(1e-5 * largest);
  }
});
