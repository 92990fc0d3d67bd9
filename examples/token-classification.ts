// Token classification: trains on words with tags, evaluates, and finds the entities of a text.
//
//   node dist/examples/token-classification.js                     bundled sentences of WNUT-17, fresh weights
//   node dist/examples/token-classification.js --model FOLDER --train wnut17train.conll --test emerging.dev.conll
//   node dist/examples/token-classification.js --train en_ewt-ud-dev.conllu --test en_ewt-ud-test.conllu --tags upos
//
// Fresh weights find few names that they have not seen: without --test the rows trained on are evaluated too.
import { parseArgs } from "node:util";
import {
  AutoModelForTokenClassification,
  readTable,
  Trainer,
  tokenClassification,
  tokenLabelNames,
  withoutPositionDigits,
} from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, train: text, test: text, output: text, "learning-rate": text, vocabulary: text },
    ...{ epochs: { ...text, default: "12" }, "batch-size": { ...text, default: "16" } },
    ...{ tags: { ...text, default: "tags" }, weibo: flag, quick: flag },
  },
});

/** Of the corpora that come without an extension, columns are as in CoNLL files. */
async function readRows(file: string | URL) {
  const known = /\.(conllu?|jsonl?|parquet)(\.gz)?$/.test(String(file));
  const rows = await readTable(file, known ? {} : { format: "conll" });
  return options.weibo ? withoutPositionDigits(rows) : rows;
}

const all = await readRows(options.train ?? bundled("wnut17/train.conll.gz"));
const train = options.quick ? all.slice(0, 40) : all;
const test = options.test === undefined ? train : await readRows(options.test);
const labels = tokenLabelNames([...train, ...test], options.tags);
const { model, tokenizer } = await loadModel(AutoModelForTokenClassification, {
  ...{ model: options.model, vocabulary: options.vocabulary, head: { labels } },
  ...{ width: options.quick ? 32 : 128, positions: 256, dropout: 0 },
});
const task = tokenClassification({ tagsColumn: options.tags, joiner: options.weibo ? "" : " " });
const args = {
  epochs: options.quick ? 2 : Number(options.epochs),
  learningRate: Number(options["learning-rate"] ?? (options.model === undefined ? 1e-3 : 5e-5)),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
  logEvery: 20,
};
const trainer = new Trainer({ model, tokenizer, task, train, args });
console.log(`${train.length} sentences to train on, ${test.length} to test on, ${labels.length} labels`);
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean) console.log(`step ${step} of ${totalSteps}: ${mean}loss ${loss.toFixed(3)}`);
}
for (const [name, value] of Object.entries(await trainer.evaluate(test))) {
  console.log(`${name.padEnd(24)} ${value.toFixed(3)}`);
}

const [row] = test as { tokens: string[] }[];
const [{ text: sentence, words, entities }] = await trainer.predict([{ tokens: row.tokens }]);
console.log(`\n${sentence}\n${words.map(({ word, label }) => `${word}/${label}`).join(" ")}`);
for (const { label, start, end, score } of entities) {
  console.log(
    `  ${label}: ${sentence.slice(start, end)} (characters ${start} to ${end}, ${score.toFixed(2)})`,
  );
}
await saveModel(model, tokenizer, options.output);
model.dispose();
