// Text classification: a GLUE configuration by name, or the bundled questions of BANKING77.
//
//   node dist/examples/text-classification.js                                     BANKING77, fresh weights
//   node dist/examples/text-classification.js --glue mrpc --model FOLDER --train MRPC/train.tsv --test MRPC/dev.tsv
import { parseArgs } from "node:util";
import {
  AutoModelForSequenceClassification,
  type GlueName,
  glueModelOptions,
  readGlue,
  readTable,
  Trainer,
  textClassification,
  textLabelNames,
} from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ glue: text, model: text, train: text, test: text, output: text, "learning-rate": text },
    ...{ epochs: { ...text, default: "3" }, "batch-size": { ...text, default: "32" } },
    quick: { type: "boolean", default: false },
  },
});
const glue = options.glue as GlueName | undefined;
const read = (file: string | URL) => (glue === undefined ? readTable(file) : readGlue(glue, file));
const train = await read(options.train ?? bundled("banking77/train.csv.gz"));
const test = await read(options.test ?? bundled("banking77/test.csv.gz"));
const some = <T>(rows: T[]) => (options.quick ? rows.slice(0, 64) : rows);

const task =
  glue === undefined ? textClassification({ labelColumn: "category" }) : textClassification({ glue });
const head = glue === undefined ? { labels: textLabelNames(train, "category") } : glueModelOptions(glue);

const { model, tokenizer } = await loadModel(AutoModelForSequenceClassification, {
  ...{ model: options.model, width: options.quick ? 32 : 128, positions: 128, head },
});
const args = {
  epochs: options.quick ? 1 : Number(options.epochs),
  learningRate: Number(options["learning-rate"] ?? (options.model === undefined ? 1e-3 : 2e-5)),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
};
const trainer = new Trainer({ model, tokenizer, task, train: some<object>(train), args });
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean) console.log(`step ${step} of ${totalSteps}: ${mean}loss ${loss.toFixed(3)}`);
}
const scores = await trainer.evaluate(some<object>(test));
console.log(
  Object.entries(scores)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(", "),
);
const [prediction] = await trainer.predict(test.slice(0, 1));
console.log(prediction);
await saveModel(model, tokenizer, options.output);
model.dispose();
