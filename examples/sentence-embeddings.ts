// Sentence embeddings: learns from pairs of questions with one intent, searches by meaning, correlates with scores.
//
//   node dist/examples/sentence-embeddings.js                                     BANKING77, fresh weights
//   node dist/examples/sentence-embeddings.js --model FOLDER --loss cosineSimilarity --output my-embeddings
import { parseArgs } from "node:util";
import { SentenceTransformer, semanticSearch, sentenceEmbeddings, shuffle, Trainer } from "../src/index.js";
import { pairsOf, type QuestionPair, questions } from "./banking-pairs.js";
import { loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, output: text, loss: { ...text, default: "multipleNegativesRanking" } },
    ...{ epochs: { ...text, default: "3" }, "batch-size": { ...text, default: "64" } },
    quick: { type: "boolean", default: false },
  },
});
const train = pairsOf(await questions("train", options.quick ? 4 : 60), 1);
const test = pairsOf(await questions("test", options.quick ? 4 : 40), 1);

/** The pairs with score 1, and as many of different intents with score 0. */
function scored(pairs: readonly QuestionPair[]) {
  const others = shuffle(pairs, 2);
  return pairs.flatMap(({ anchor, positive, category }, i) => [
    { sentence1: anchor, sentence2: positive, score: 1 },
    { sentence1: anchor, sentence2: others[i].positive, score: others[i].category === category ? 1 : 0 },
  ]);
}

const loaded = await loadModel(SentenceTransformer, {
  ...{ model: options.model, width: options.quick ? 32 : 128, positions: 128, dropout: 0 },
});
const [model, { tokenizer }] = [loaded.model as SentenceTransformer, loaded];
model.tokenizer = tokenizer;
const ranking = options.loss === "multipleNegativesRanking";
const task = ranking
  ? sentenceEmbeddings({ groupColumn: "category" })
  : sentenceEmbeddings({ loss: "cosineSimilarity" });
const args = {
  epochs: options.quick ? 1 : Number(options.epochs),
  learningRate: options.model === undefined ? 1e-3 : 2e-5,
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
};
const rows = ranking ? { train, eval: test } : { train: scored(train), eval: scored(test) };
const trainer = new Trainer({ model, tokenizer, task, ...rows, args });
const shown = (scores: Record<string, number>) =>
  Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
console.log(`before: ${shown(await trainer.evaluate()).join(", ")}`);
await trainer.train();
console.log(`after:  ${shown(await trainer.evaluate()).join(", ")}`);

const corpus = [...new Set(test.map(({ positive }) => positive))];
const query = "I think somebody has stolen my card";
const [hits] = await semanticSearch([await model.encode(query)], await model.encode(corpus), { topK: 3 });
console.log(`\n${query}`);
for (const { corpusId, score } of hits) console.log(`  ${score.toFixed(2)}  ${corpus[corpusId]}`);
await saveModel(model, tokenizer, options.output);
model.dispose();
