import { expect, test } from "@jest/globals";
import { engineState, memory, synchronize } from "../../src/tensor/device.js";
import { Trainer } from "../../src/training/index.js";
import { tinyRows, tinyTokenizer, withModel } from "./support.js";

test("a thousand steps leave no byte and no handle more than ten did", async () => {
  await withModel(async (model) => {
    const train = tinyRows(64);
    const args = { maxSteps: 1000, batchSize: 8, learningRate: 1e-3, evalEvery: 100, logEvery: 1000 };
    const trainer = new Trainer({ model, tokenizer: tinyTokenizer(), train, eval: train.slice(0, 20), args });
    const seen = new Map<number, { bytes: number; handles: number }>();
    for await (const { type, step } of trainer.run()) {
      if (type !== "evaluate") continue; // nothing is under way then
      await synchronize();
      seen.set(step, { bytes: memory().live, handles: engineState().liveHandles });
    }
    expect(seen.size).toBe(10);
    expect(seen.get(1000)).toEqual(seen.get(100));
  });
});
