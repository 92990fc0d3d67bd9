// Why does a run not get on? A small BERT on the bundled BANKING77 before it is trained, with a learning rate that suits
// and one that does not.
//
//   node dist/examples/training-diagnostics.js
import { parseArgs } from "node:util";
import {
  AutoModelForSequenceClassification,
  diagnose,
  learningRateRange,
  modelSubject,
  readTable,
  Sgd,
  split,
  Trainer,
  textClassification,
  textLabelNames,
} from "../src/index.js";
import { bundled, loadModel } from "./small-bert.js";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const intents = /^(card_arrival|lost_or_stolen_card|change_pin|exchange_rate|top_up_failed)$/;
const rows = await readTable(bundled("banking77/train.csv.gz"));
const all = rows.filter(({ category }) => intents.test(String(category)));
const { test: train } = split(all, { test: options.quick ? 48 : 256, seed: 1 });
const { model, tokenizer } = await loadModel(AutoModelForSequenceClassification, {
  ...{ width: options.quick ? 16 : 64, positions: 64, dropout: 0 },
  head: { labels: textLabelNames(train, "category"), seed: 1 },
});
const task = textClassification({ labelColumn: "category" });
const context = { model, tokenizer, labels: "required", purpose: "train", rest: async () => {} } as const;
const examples = await task.prepare(train, context);
const subject = modelSubject({ model, examples, batchSize: 16 });

// Which learning rates make sense for AdamW, and for plain gradient descent?
const steps = options.quick ? 40 : 100;
const adamw = await learningRateRange(subject, { low: 1e-6, high: 1, steps });
const optimizer = (parameters: ReturnType<typeof model.parameters>) => new Sgd(parameters, { lr: 0 });
const sgd = await learningRateRange(subject, { low: 1e-4, high: 100, optimizer, steps });
for (const [name, { steepest, lowest }] of Object.entries({ adamw, sgd })) {
  const rates = `steepest fall at ${steepest.toExponential(1)}, lowest loss at ${lowest.toExponential(1)}`;
  console.log(`learning rates of ${name}: ${rates}`);
}

/** Prints a verdict. The parameters are the same bits afterwards. */
async function ask(when: string, learningRate?: number): Promise<void> {
  const { verdict, reason, noise, layers } = await diagnose(subject, {
    learningRate,
    iterations: options.quick ? 4 : 20,
  });
  console.log(`${when}: ${verdict} (${reason})`);
  console.log(`  noise scale ${noise?.noiseScale.toPrecision(3)} rows; gradient norms:`);
  console.log(`  ${layers.map(({ name, norm }) => `${name} ${norm.toPrecision(2)}`).join(", ")}`);
}

await ask("fresh weights");
await ask("fresh weights and a learning rate of 100 for gradient descent", 100);
const args = { epochs: options.quick ? 2 : 20, batchSize: 16, learningRate: adamw.steepest };
const { loss } = await new Trainer({ model, tokenizer, task, train, args }).train();
console.log(`trained: a mean loss of ${loss.toFixed(3)}`);
await ask("after training");
model.dispose();
