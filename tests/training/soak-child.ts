// Run by soak.test.ts: a thousand steps of a tiny model; prints live bytes and handles at every hundredth step.
import { engineState, memory, synchronize } from "../../src/tensor/device.js";
import { Trainer } from "../../src/training/index.js";
import { tinyRows, tinyTokenizer, withModel } from "./support.js";

const seen: { step: number; bytes: number; handles: number }[] = [];
await withModel(async (model) => {
  const train = tinyRows(64);
  const args = { maxSteps: 1000, batchSize: 8, learningRate: 1e-3, evalEvery: 100, logEvery: 1000 };
  const trainer = new Trainer({ model, tokenizer: tinyTokenizer(), train, eval: train.slice(0, 20), args });
  for await (const { type, step } of trainer.run()) {
    if (type !== "evaluate") continue; // nothing is under way then
    await synchronize();
    seen.push({ step, bytes: memory().live, handles: engineState().liveHandles });
  }
});
console.log(JSON.stringify(seen));
