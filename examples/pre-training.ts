// Pre-training of a BERT from nothing but text: a vocabulary of its own, masked tokens, and pairs of segments.
//
//   node dist/examples/pre-training.js                                           bundled articles of WikiText-2
//   node dist/examples/pre-training.js --train books.txt --test other.txt --objective sop --output FOLDER
//
// A line is a sentence or a paragraph; blank lines stand between documents. WikiText has blank lines after its headings
// too: there, an article begins at a heading of the first level, and is cut into sentences.
// Twelve articles are enough to see the perplexity of masked words fall, not to learn what follows what.
import { parseArgs } from "node:util";
import {
  AutoModelForPreTraining,
  BertTokenizer,
  preTraining,
  readPlainText,
  Trainer,
  trainWordPiece,
} from "../src/index.js";
import { bundled, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ train: text, test: text, output: text, objective: { ...text, default: "nsp" } },
    ...{ "vocab-size": { ...text, default: "4000" }, epochs: { ...text, default: "10" } },
    ...{ "batch-size": { ...text, default: "16" }, "learning-rate": { ...text, default: "1e-3" } },
    ...{ quick: { type: "boolean", default: false } },
  },
});

/** Sentences with blank rows between documents; of WikiText, articles of many sentences. */
async function documents(name: "train" | "test"): Promise<{ text: string }[]> {
  const given = options[name];
  if (given !== undefined) return readPlainText(given);
  const [{ text }] = await readPlainText(bundled(`wikitext/${name}.txt.gz`), { sampleBy: "document" });
  const articles = text.split(/^ = [^=\n].* = $/m);
  return articles.filter((article) => article.trim() !== "").map((text) => ({ text }));
}

const quick = options.quick;
const all = await documents("train");
const train = quick ? all.slice(0, 3) : all;
const test = quick ? train : await documents("test");

// WikiText separates words from punctuation by blanks, at which words are told apart here.
const { tokens } = await trainWordPiece(
  train.map((row) => row.text.toLowerCase()),
  {
    vocabSize: quick ? 600 : Number(options["vocab-size"]),
    specialTokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
  },
);
const tokenizer = BertTokenizer.fromVocabulary(tokens, { modelMaxLength: 128 });
const width = quick ? 32 : 128;
const model = await AutoModelForPreTraining.fromConfig({
  ...{ model_type: "bert", vocab_size: tokens.length, max_position_embeddings: 128 },
  ...{ hidden_size: width, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 4 * width },
});
const objective = options.objective as "nsp" | "sop";
const kind = options.train === undefined ? "rows" : "blank-lines";
const task = preTraining({ objective, documents: kind, maxLength: 128, wholeWord: true });
const args = {
  epochs: quick ? 1 : Number(options.epochs),
  learningRate: Number(options["learning-rate"]),
  batchSize: Number(options["batch-size"]),
  warmupRatio: 0.1,
  logEvery: 20,
  evalEvery: "epoch",
} as const;
const trainer = new Trainer({ model, tokenizer, task, train, eval: test, args });
for await (const { type, step, totalSteps, loss, metrics } of trainer.run()) {
  if (type === "log") console.log(`step ${step} of ${totalSteps}: loss ${loss.toFixed(3)}`);
  if (type === "evaluate") console.log(shown(metrics!));
}
function shown(metrics: Record<string, number>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(", ");
}

const [{ follows, masks }] = await trainer.predict([
  { text: "The film was released in the [MASK] States .", pair: "It was a success ." },
]);
console.log(
  `follows: ${follows.toFixed(2)}; the mask: ${masks[0].candidates.map(({ token }) => token).join(", ")}`,
);
await saveModel(model, tokenizer, options.output);
model.dispose();
