// Extractive question answering: trains on questions in SQuAD's form, evaluates, and asks a question of its own.
//
//   node dist/examples/question-answering.js                                     bundled rows of XQuAD, fresh weights
//   node dist/examples/question-answering.js --model FOLDER --train train-v2.0.json --test dev-v2.0.json --squad2
//
// Fresh weights cannot generalise from 250 questions: by default the rows trained on are evaluated too.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import {
  AutoModelForQuestionAnswering,
  AutoTokenizer,
  BertTokenizer,
  questionAnswering,
  readSquad,
  Trainer,
} from "../src/index.js";

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

// From dist/examples/ to examples/ of the repository.
const bundled = (path: string) => new URL(`../../examples/${path}`, import.meta.url);

async function loadModel() {
  if (options.model !== undefined) {
    const tokenizer = await AutoTokenizer.fromPretrained(options.model);
    return { tokenizer, model: await AutoModelForQuestionAnswering.fromPretrained(options.model) };
  }
  const vocabulary = gunzipSync(await readFile(bundled("vocab/bert-base-uncased/vocab.txt.gz"))).toString();
  const tokenizer = BertTokenizer.fromVocabulary(vocabulary.trimEnd().split("\n"), { modelMaxLength: 384 });
  const width = options.quick ? 32 : 128;
  const model = await AutoModelForQuestionAnswering.fromConfig({
    ...{ model_type: "bert", vocab_size: 30522, max_position_embeddings: 384 },
    ...{ hidden_size: width, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 4 * width },
    // Dropout only slows the learning by heart that is shown here.
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  });
  return { tokenizer, model };
}

const { model, tokenizer } = await loadModel();
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
  if (type === "log" || type === "end") console.log(`step ${step} of ${totalSteps}: loss ${loss.toFixed(3)}`);
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
if (options.output !== undefined) {
  await model.savePretrained(options.output);
  await tokenizer.save(options.output);
}
model.dispose();
