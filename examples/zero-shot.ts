// Zero-shot classification: does a text entail "This example is LABEL."? Any labels, none of them trained for.
//
//   node dist/examples/zero-shot.js --model FOLDER "I lost my card" --labels "lost card,transfer,exchange rate"
//   node dist/examples/zero-shot.js            fresh weights learn entailment from ten of BANKING77's intents first
// A model of natural language inference (MNLI) is what this is for; from fresh weights little carries over to new labels.
import { parseArgs } from "node:util";
import {
  AutoModelForSequenceClassification,
  shuffle,
  Trainer,
  textClassification,
  ZeroShotClassifier,
} from "../src/index.js";
import { judgedPairs, questions, wordsOf } from "./banking-pairs.js";
import { loadModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options, positionals } = parseArgs({
  options: {
    ...{ model: text, labels: { ...text, default: "lost card, exchange rate, top up" } },
    ...{ epochs: { ...text, default: "15" }, quick: { type: "boolean", default: false } },
  },
  allowPositionals: true,
});

/** A classifier of fresh weights, trained on questions and sentences about their intents. */
async function trained(): Promise<ZeroShotClassifier> {
  const rows = await questions("train", options.quick ? 2 : 100);
  const intents = shuffle([...new Set(rows.map(({ category }) => category))], 4);
  const [seen, unseen] = [intents.slice(0, 10), intents.slice(10, 20)];
  const known = rows.filter(({ category }) => seen.includes(category));
  const head = { labels: ["contradiction", "entailment"] };
  const train = judgedPairs(known, seen, 2).map(({ text, intent, right }) => {
    return { text, pair: `This example is ${wordsOf(intent)}.`, label: head.labels[right ? 1 : 0] };
  });
  // Narrow models get stuck with the usual 0.02.
  const start = { ...head, config: { initializer_range: 0.1 } };
  const sizes = { width: options.quick ? 32 : 128, positions: 128, dropout: 0, head: start };
  const { model, tokenizer } = await loadModel(AutoModelForSequenceClassification, sizes);
  const epochs = options.quick ? 1 : Number(options.epochs);
  const args = { epochs, learningRate: 1e-3, batchSize: 32, warmupRatio: 0.1 };
  await new Trainer({ model, tokenizer, task: textClassification(), train, args }).train();
  const classifier = new ZeroShotClassifier({ model, tokenizer });
  const test = await questions("test", options.quick ? 1 : 10);
  for (const [name, some] of [["seen", seen] as const, ["new", unseen] as const]) {
    const asked = test.filter(({ category }) => some.includes(category));
    const texts = asked.map(({ text }) => text);
    const results = await classifier.classify(texts, some.map(wordsOf));
    const right = results.filter(({ labels }, i) => labels[0] === wordsOf(asked[i].category)).length;
    const [share, chance] = [right / asked.length, 1 / some.length].map((value) => value.toFixed(3));
    console.log(`${some.length} ${name} labels: accuracy ${share}, by chance ${chance}`);
  }
  return classifier;
}

const { model } = options;
const classifier = model === undefined ? await trained() : await ZeroShotClassifier.fromPretrained(model);
console.log(await classifier.classify(positionals[0] ?? "My card is gone", options.labels));
classifier.dispose();
