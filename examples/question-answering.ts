// Extractive question answering: trains on questions in SQuAD's form, evaluates, and asks a question of its own.
//
//   node dist/examples/question-answering.js                                     bundled rows of XQuAD, fresh weights
//   node dist/examples/question-answering.js --model FOLDER --train train-v2.0.json --test dev-v2.0.json --squad2
//
// Fresh weights cannot generalise from 250 questions: by default the rows trained on are evaluated too.
import { parseArgs } from "node:util";
import { AutoModelForQuestionAnswering, questionAnswering, readSquad, Trainer } from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, train: text, test: text, output: text, language: { ...text, default: "en" } },
    ...{
      epochs: { ...text, default: "40" },
      "batch-size": { ...text, default: "16" },
      "learning-rate": text,
    },
    ...{ squad2: flag, quick: flag },
  },
});

const { model, tokenizer } = await loadModel(AutoModelForQuestionAnswering, {
  ...{ model: options.model, width: options.quick ? 32 : 128, positions: 384, dropout: 0 },
});
const all = await readSquad(options.train ?? bundled("xquad/train.json.gz"));
const train = options.quick ? all.slice(0, 24) : all;
const test = options.test === undefined ? train : await readSquad(options.test);
const task = questionAnswering({
  version: options.squad2 ? 2 : 1,
  language: options.language as "en" | "zh",
  onMisplaced: (answers) => console.log(`${answers.length} answers did not stand where they should`),
});
const args = {
  epochs: options.quick ? 2 : Number(options.epochs),
  learningRate: Number(options["learning-rate"] ?? (options.model === undefined ? 1e-3 : 3e-5)),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
  logEvery: 20,
};
const trainer = new Trainer({ model, tokenizer, task, train, args });
console.log(`${train.length} questions to train on, ${test.length} to test on`);
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean) console.log(`step ${step} of ${totalSteps}: ${mean}loss ${loss.toFixed(3)}`);
}
const scores = await trainer.evaluate(test);
console.log(
  Object.entries(scores)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(", "),
);

const { question, context } = test[0];
const [answer] = await trainer.predict([{ question, context }]);
console.log(
  `\n${question}\n${answer.text} (characters ${answer.start} to ${answer.end}, ${answer.score.toFixed(2)})`,
);
await saveModel(model, tokenizer, options.output);
model.dispose();
