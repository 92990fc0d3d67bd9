// Multiple choice: trains on rows of CODAH or SWAG, evaluates, and shows a choice.
//
//   node dist/examples/multiple-choice.js                                  bundled rows of CODAH, fresh weights
//   node dist/examples/multiple-choice.js --model FOLDER --train train.csv --test val.csv     SWAG's files
//
// Fresh weights cannot generalise from 200 rows: by default the rows trained on are evaluated too.
import { parseArgs } from "node:util";
import { AutoModelForMultipleChoice, CODAH_COLUMNS, readCsv, readTable, Trainer } from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, train: text, test: text, output: text, "learning-rate": text },
    ...{ epochs: { ...text, default: "10" }, "batch-size": { ...text, default: "16" } },
    quick: { type: "boolean", default: false },
  },
});

/** Files of SWAG have a header and are tables like any other; those of CODAH have none. */
async function readRows(file: string | URL) {
  if (/codah/.test(String(file))) return readCsv(file, { separator: "\t", columns: CODAH_COLUMNS });
  return readTable(file);
}

const { model, tokenizer } = await loadModel(AutoModelForMultipleChoice, {
  ...{ model: options.model, width: options.quick ? 32 : 128, positions: 128, dropout: 0 },
});
const all = await readRows(options.train ?? bundled("codah/train.tsv.gz"));
const train = options.quick ? all.slice(0, 24) : all;
const test = options.test === undefined ? train : await readRows(options.test);
const args = {
  epochs: options.quick ? 2 : Number(options.epochs),
  learningRate: Number(options["learning-rate"] ?? (options.model === undefined ? 1e-3 : 5e-5)),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
  logEvery: 20,
};
const trainer = new Trainer({ model, tokenizer, train, args });
console.log(`${train.length} rows to train on, ${test.length} to test on`);
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean) console.log(`step ${step} of ${totalSteps}: ${mean}loss ${loss.toFixed(3)}`);
}
const { accuracy, loss } = await trainer.evaluate(test);
console.log(`accuracy ${accuracy.toFixed(3)}, loss ${loss.toFixed(3)}`);

const [row] = test as Record<string, string>[];
const [{ choice, score }] = (await trainer.predict([row])) as { choice: number; score: number }[];
console.log(`\n${row.prompt ?? row.sent1}\n${row[`ending${choice}`]} (${score.toFixed(2)})`);
await saveModel(model, tokenizer, options.output);
model.dispose();
