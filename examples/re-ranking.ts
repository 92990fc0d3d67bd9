// Re-ranking: a cross-encoder reads query and candidate together, and puts those that answer first.
//
//   node dist/examples/re-ranking.js --model FOLDER        ten intents of BANKING77, from a checkpoint
//   node dist/examples/re-ranking.js                       from fresh weights, which learn little (docs/log.md)
import { parseArgs } from "node:util";
import {
  AutoModelForSequenceClassification,
  CrossEncoder,
  meanReciprocalRank,
  shuffle,
  Trainer,
  textClassification,
} from "../src/index.js";
import { judgedPairs, type Question, questions, wordsOf } from "./banking-pairs.js";
import { loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, output: text, epochs: { ...text, default: "15" } },
    quick: { type: "boolean", default: false },
  },
});
const all = await questions("train", options.quick ? 2 : 100);
const intents = shuffle([...new Set(all.map(({ category }) => category))], 4).slice(0, 10);
const ofIntents = (rows: Question[]) => rows.filter(({ category }) => intents.includes(category));
const [asked, test] = [ofIntents(all), ofIntents(await questions("test", options.quick ? 1 : 10))];
const train = judgedPairs(asked, intents, 2).map(({ text, intent, right }) => {
  return { text, pair: wordsOf(intent), label: right ? 1 : 0 };
});
// Narrow models get stuck with the usual range of 0.02.
const config = { problem_type: "multi_label_classification", initializer_range: 0.1 } as const;
const { model, tokenizer } = await loadModel(AutoModelForSequenceClassification, {
  ...{ model: options.model, width: options.quick ? 32 : 128, positions: 128, dropout: 0 },
  head: { labels: ["relevant"], config },
});
const args = {
  ...{ epochs: options.quick ? 1 : Number(options.epochs), batchSize: 32, warmupRatio: 0.1 },
  learningRate: options.model === undefined ? 1e-3 : 2e-5,
};
const trainer = new Trainer({ model, tokenizer, task: textClassification(), train, args });
const encoder = new CrossEncoder({ model, tokenizer });
const documents = intents.map(wordsOf);
async function reciprocalRank(): Promise<number> {
  const ranked: number[][] = [];
  for (const row of test)
    ranked.push((await encoder.rank(row.text, documents)).map(({ corpusId }) => corpusId));
  return meanReciprocalRank(
    ranked,
    test.map(({ category }) => [intents.indexOf(category)]),
  );
}

console.log(`MRR over ${intents.length} intents before: ${(await reciprocalRank()).toFixed(3)}`);
const { loss } = await trainer.train();
console.log(`MRR after (loss ${loss.toFixed(3)}): ${(await reciprocalRank()).toFixed(3)}`);
const query = "somebody took my card";
console.log(query, await encoder.rank(query, documents, { topK: 3, returnDocuments: true }));
await saveModel(model, tokenizer, options.output);
encoder.dispose();
