// BERT as a decoder, with relative positions: learns to continue text, and does so.
//
//   node dist/examples/bert-decoder.js                                  bundled lines of WikiText-2, fresh weights
//   node dist/examples/bert-decoder.js --train lines.txt --prompt "the film"
import { parseArgs } from "node:util";
import { AutoModelForCausalLM, noGrad, readPlainText, Trainer } from "../src/index.js";
import { bundled, loadModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ train: text, epochs: { ...text, default: "6" }, prompt: { ...text, default: "the film was" } },
    ...{ quick: { type: "boolean", default: false } },
  },
});
const { quick } = options;
const { model, tokenizer } = await loadModel(AutoModelForCausalLM, {
  ...{ width: quick ? 16 : 128, positions: 128 },
  config: { is_decoder: true, position_embedding_type: "relative_key_query" },
});
const encode = (row: string) => tokenizer.encode(row, { truncation: "longest_first", maxLength: 128 }).ids;
const rows = await readPlainText(options.train ?? bundled("wikitext/train.txt.gz"));
const train = quick ? rows.slice(0, 60) : rows;
const args = {
  epochs: quick ? 1 : Number(options.epochs),
  learningRate: 1e-3,
  batchSize: 16,
  warmupRatio: 0.1,
  logEvery: 20,
};
const prepare = (row: object) => {
  const inputIds = encode((row as { text: string }).text);
  return { inputIds, labels: inputIds }; // shifted by one in the model
};
const trainer = new Trainer({ model, tokenizer, train, prepare, args });
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean)
    console.log(`step ${step} of ${totalSteps}: ${mean}perplexity ${Math.exp(loss).toFixed(1)}`);
}

const ids = Array.from(encode(options.prompt)).slice(0, -1); // without [SEP]
while (ids.length < 24 && ids.at(-1) !== tokenizer.sepTokenId) {
  const { logits } = noGrad(() => model.eval().forward(model.collate([{ inputIds: ids }])));
  const [last] = model.collate([{ inputIds: ids }]).unpack(await logits.data());
  const scores = last.slice(-(model.config.vocab_size as number));
  ids.push(scores.indexOf(Math.max(...scores)));
}
console.log(tokenizer.decode(ids, { skipSpecialTokens: true }));
model.dispose();
