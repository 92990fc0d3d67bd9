// Bottleneck adapters: one encoder in memory's stead of many, and a small file for each task that it learns.
//
//   node dist/examples/adapters.js                                      fresh weights that learn other classes first
//   node dist/examples/adapters.js --model FOLDER --placement houlsby --size 64
import { join } from "node:path";
import { parseArgs } from "node:util";
import { addAdapters, loadAdapter, Trainer } from "../src/index.js";
import { prepareAdaptation, task } from "./adaptation.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, output: text, size: text, placement: { ...text, default: "pfeiffer" } },
    ...{ epochs: { ...text, default: "6" }, "learning-rate": { ...text, default: "3e-3" } },
    ...{ quick: { type: "boolean", default: false } },
  },
});
const { quick } = options;
const { tokenizer, train, test, load, folder, end } = await prepareAdaptation({
  model: options.model,
  quick,
});

const model = await load();
const placement = options.placement as "houlsby" | "pfeiffer";
const size = options.size === undefined ? undefined : Number(options.size);
const adapters = addAdapters(model, { placement, size });
console.log(`${adapters.names.size} tensors of width ${adapters.size} are trained, and the classifier`);
const args = {
  epochs: quick ? 1 : Number(options.epochs),
  learningRate: Number(options["learning-rate"]),
  batchSize: 32,
  warmupRatio: 0.1,
};
await new Trainer({ model, tokenizer, task, train, args }).train();
const evaluate = async () => (await new Trainer({ model, tokenizer, task, eval: test }).evaluate()).accuracy;
console.log(`accuracy ${(await evaluate()).toFixed(3)}`);

// The same encoder without them, and with them again.
const saved = options.output ?? join(folder, "adapters");
await adapters.save(saved);
adapters.remove();
console.log(`accuracy ${(await evaluate()).toFixed(3)} without the adapters`);
await loadAdapter(model, saved);
console.log(`accuracy ${(await evaluate()).toFixed(3)} with the adapters from their file`);
model.dispose();
await end();
