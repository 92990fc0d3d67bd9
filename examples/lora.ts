// LoRA: a few parameters learn new classes, the encoder's stay as they are. They are saved on their own, loaded into
// the encoder again, and merged into its weights.
//
//   node dist/examples/lora.js                                          fresh weights that learn other classes first
//   node dist/examples/lora.js --model FOLDER --rank 16 --output my-lora
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { addLora, type Lora, loadAdapter, Trainer } from "../src/index.js";
import { prepareAdaptation, task } from "./adaptation.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, output: text, rank: { ...text, default: "8" }, epochs: { ...text, default: "6" } },
    ...{ "learning-rate": { ...text, default: "3e-3" }, quick: { type: "boolean", default: false } },
  },
});
const { quick } = options;
const { tokenizer, train, test, load, folder, end } = await prepareAdaptation({
  model: options.model,
  quick,
});

const model = await load();
const rank = Number(options.rank);
const lora = addLora(model, { rank, alpha: 2 * rank, dropout: 0.05, targetModules: ["query", "value"] });
const count = (parameters: Map<string, { size: number }>) =>
  [...parameters.values()].reduce((sum, { size }) => sum + size, 0);
console.log(`${count(lora.parameters())} of ${count(model.parameters())} parameters are trained`);
const args = {
  epochs: quick ? 1 : Number(options.epochs),
  learningRate: Number(options["learning-rate"]),
  batchSize: 32,
  warmupRatio: 0.1,
};
await new Trainer({ model, tokenizer, task, train, args }).train();

const saved = options.output ?? join(folder, "lora");
await lora.save(saved);
const { size } = await stat(join(saved, "adapter_model.safetensors"));
console.log(`saved ${(size / 1024).toFixed(0)} KiB`);

const other = await load();
const loaded = (await loadAdapter(other, saved)) as Lora;
const accuracy = async () => {
  const metrics = await new Trainer({ model: other, tokenizer, task, eval: test }).evaluate();
  return metrics.accuracy.toFixed(3);
};
console.log(`accuracy ${await accuracy()} beside the weights`);
loaded.merge();
console.log(`accuracy ${await accuracy()} merged into them`);
await loaded.mergeAndUnload().savePretrained(join(saved, "merged")); // a plain model
for (const one of [model, other]) one.dispose();
await end();
