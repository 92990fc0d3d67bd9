// What lies low in an encoder changes little or not at all: frozen layers, and learning rates that fall from the head
// to the embeddings.
//
//   node dist/examples/layerwise-decay.js                               fresh weights that learn other classes first
//   node dist/examples/layerwise-decay.js --model FOLDER --decay 0.9 --frozen 4
import { parseArgs } from "node:util";
import { layerwiseDecay, Trainer } from "../src/index.js";
import { prepareAdaptation, task } from "./adaptation.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, decay: { ...text, default: "0.8" }, frozen: { ...text, default: "1" } },
    ...{ epochs: { ...text, default: "4" }, "learning-rate": { ...text, default: "5e-4" } },
    ...{ quick: { type: "boolean", default: false } },
  },
});
const { quick } = options;
const { tokenizer, train, test, load, end } = await prepareAdaptation({ model: options.model, quick });

for (const way of ["all layers at one rate", "falling rates", "frozen layers and falling rates"]) {
  const model = await load();
  if (way.startsWith("frozen")) model.freeze({ layers: Number(options.frozen), embeddings: true });
  const falling = way.endsWith("falling rates");
  const parameterGroups = falling ? layerwiseDecay(model, { decay: Number(options.decay) }) : [];
  const args = {
    epochs: quick ? 1 : Number(options.epochs),
    learningRate: Number(options["learning-rate"]),
    batchSize: 32,
    warmupRatio: 0.1,
    parameterGroups,
  };
  const trainer = new Trainer({ model, tokenizer, task, train, eval: test, args });
  const { metrics, tokensPerSecond } = await trainer.train();
  console.log(`accuracy ${metrics!.accuracy.toFixed(3)}, ${tokensPerSecond.toFixed(0)} tokens/s: ${way}`);
  model.dispose();
}
await end();
