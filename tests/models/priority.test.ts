// A request to one model beside another's training: with high priority it waits for the command that runs, not for
// the steps that are queued. What is asserted is the order, not a time.
import { expect, test } from "@jest/globals";
import { AutoModelForSequenceClassification } from "../../src/models/auto.js";
import { engineState, synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";

const config = {
  model_type: "bert",
  vocab_size: 1000,
  hidden_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 512,
};

test("a request to a high-priority model overtakes the training steps on the queue", async () => {
  const trained = await AutoModelForSequenceClassification.fromConfig(config, {
    seed: 1,
    labels: ["a", "b"],
  });
  const served = await AutoModelForSequenceClassification.fromConfig(
    { ...config, hidden_size: 32, intermediate_size: 64 },
    { seed: 1, labels: ["a", "b"], priority: "high" },
  );
  const request = served.collate([{ inputIds: [5, 6, 7] }]);
  const alone = await noGrad(() => served.forward(request)).logits.data();
  const optimizer = new AdamW(trained.parameters(), { lr: 1e-3 });
  const batch = trained.collate(
    Array.from({ length: 16 }, (_, b) => ({
      inputIds: Array.from({ length: 64 }, (_, i) => (b * 64 + i) % 1000),
      labels: b % 2,
    })),
  );
  const step = () =>
    scope(() => {
      trained.forward(batch).loss!.backward();
      optimizer.step({ maxGradNorm: 1 });
      optimizer.zeroGrad();
    });
  for (let i = 0; i < 8; i++) step();
  const queued = engineState().pendingCommands;
  expect(queued).toBeGreaterThan(400); // some 130 commands a step
  const { logits } = noGrad(() => served.forward(request));
  expect(await logits.data()).toEqual(alone);
  // Most of the steps still wait: the request did not.
  expect(engineState().pendingCommands).toBeGreaterThan(queued / 2);
  await synchronize();
  expect(engineState().pendingCommands).toBe(0);
  trained.dispose();
  served.dispose();
}, 240_000); // eight steps take an emulated GPU many seconds
