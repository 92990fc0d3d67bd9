// Fewer attention heads: tries each of a trained model's, takes those away without which it is best, and trains on.
//
//   node dist/examples/prune-heads.js                                   fresh weights that learn first
//   node dist/examples/prune-heads.js --model FOLDER --heads 24
import { parseArgs } from "node:util";
import { type Model, pruneHeads, Trainer } from "../src/index.js";
import { prepareAdaptation, task } from "./adaptation.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: { model: text, heads: { ...text, default: "1" }, quick: { type: "boolean", default: false } },
});
const { quick } = options;
const { tokenizer, train, test, load, end } = await prepareAdaptation({ model: options.model, quick });
const args = { epochs: quick ? 1 : 4, learningRate: options.model ? 5e-5 : 1e-3, batchSize: 32 };
const evaluate = async (model: Model) =>
  (await new Trainer({ model, tokenizer, task, eval: test }).evaluate()).accuracy;

const whole = await load();
await new Trainer({ model: whole, tokenizer, task, train, args }).train();
console.log(`accuracy ${(await evaluate(whole)).toFixed(3)} with all heads`);

const { num_hidden_layers: layers, num_attention_heads: heads } = whole.config as Record<string, number>;
const tried: { layer: number; head: number; accuracy: number }[] = [];
for (let layer = 0; layer < layers; layer++) {
  for (let head = 0; head < heads; head++) {
    const without = pruneHeads(whole, { [layer]: [head] });
    tried.push({ layer, head, accuracy: await evaluate(without) });
    without.dispose();
  }
}
tried.sort((a, b) => b.accuracy - a.accuracy);
const gone: Record<number, number[]> = {};
let left = Number(options.heads);
for (const { layer, head, accuracy } of tried) {
  console.log(`accuracy ${accuracy.toFixed(3)} without head ${head} of layer ${layer}`);
  const others = gone[layer] ?? [];
  if (left-- > 0 && others.length < heads - 1) gone[layer] = [...others, head];
}
const pruned = pruneHeads(whole, gone);
await new Trainer({ model: pruned, tokenizer, task, train, args: { ...args, epochs: 1 } }).train();
console.log(`accuracy ${(await evaluate(pruned)).toFixed(3)} without ${JSON.stringify(gone)}, trained on`);
for (const model of [whole, pruned]) model.dispose();
await end();
