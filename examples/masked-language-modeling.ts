// Masked language modelling: trains on plain text, gives the perplexity of other text, fills a mask.
//
//   node dist/examples/masked-language-modeling.js                               bundled lines of WikiText-2, fresh weights
//   node dist/examples/masked-language-modeling.js --model FOLDER --train books.txt --test other.txt --whole-word
import { parseArgs } from "node:util";
import { AutoModelForMaskedLM, maskedLanguageModeling, readPlainText, Trainer } from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, train: text, test: text, output: text, "max-length": { ...text, default: "128" } },
    ...{ epochs: { ...text, default: "8" }, "batch-size": { ...text, default: "16" }, "learning-rate": text },
    ...{ "whole-word": flag, quick: flag },
  },
});

const { model, tokenizer } = await loadModel(AutoModelForMaskedLM, {
  ...{ model: options.model, width: options.quick ? 16 : 128, positions: 512 },
});
const lines = await readPlainText(options.train ?? bundled("wikitext/train.txt.gz"));
const held = await readPlainText(options.test ?? bundled("wikitext/test.txt.gz"));
const task = maskedLanguageModeling({
  maxLength: Number(options["max-length"]),
  wholeWord: options["whole-word"],
});
const args = {
  epochs: options.quick ? 1 : Number(options.epochs),
  learningRate: Number(options["learning-rate"] ?? (options.model === undefined ? 1e-3 : 5e-5)),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
  logEvery: 20,
  evalEvery: "epoch",
} as const;
const train = options.quick ? lines.slice(0, 60) : lines;
const test = options.quick ? held.slice(0, 20) : held;
const trainer = new Trainer({ model, tokenizer, task, train, eval: test, args });
for await (const { type, step, totalSteps, loss, metrics } of trainer.run()) {
  if (type === "log") console.log(`step ${step} of ${totalSteps}: loss ${loss.toFixed(3)}`);
  if (type === "evaluate") {
    console.log(`perplexity ${metrics!.perplexity.toFixed(1)}, accuracy ${metrics!.accuracy.toFixed(3)}`);
  }
}
const mask = tokenizer.idToToken(tokenizer.maskTokenId as number);
const [{ masks }] = await trainer.predict([{ text: `The film was released in the ${mask} States .` }]);
for (const { sequence, score } of masks[0].candidates) console.log(`${score.toFixed(3)}  ${sequence}`);
await saveModel(model, tokenizer, options.output);
model.dispose();
