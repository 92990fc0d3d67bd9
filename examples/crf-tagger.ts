// A tagger of one's own over BERT: an LSTM if asked for, and a CRF that decodes nothing but whole entities.
//
//   node dist/examples/crf-tagger.js              bundled sentences of WNUT-17, fresh weights
//   node dist/examples/crf-tagger.js --lstm --model FOLDER --train wnut17train.conll.gz --test emerging.dev.conll.gz
import { parseArgs } from "node:util";
import * as athanor from "../src/index.js";
import { bundled, loadModel } from "./small-bert.js";

const { nn, ops } = athanor;
const [text, flag] = [{ type: "string" }, { type: "boolean", default: false }] as const;
const { values: options } = parseArgs({
  options: { model: text, train: text, test: text, epochs: text, lstm: flag, quick: flag },
});

class CrfTagger {
  readonly collate = athanor.collateTagChains;
  readonly #lstm: athanor.nn.Lstm | undefined;
  readonly #output: athanor.nn.Linear;
  readonly #crf: athanor.nn.Crf;

  constructor({ parameters, hiddenSize, classes, config, init }: athanor.HeadContext) {
    const bidirectional = { bidirectional: true };
    if (options.lstm) this.#lstm = new nn.Lstm(parameters, "lstm", hiddenSize, hiddenSize / 2, bidirectional);
    this.#output = new nn.Linear(parameters, "classifier", hiddenSize, classes, init);
    this.#crf = new nn.Crf(parameters, "crf", classes, { labels: Object.values(config.id2label ?? {}) });
  }

  forward({ lastHiddenState, batch, training }: athanor.HeadInputs) {
    const { chainRows, chainOffsets } = batch.extra;
    const words = ops.gatherRows(lastHiddenState, chainRows); // (N, C): the first token of each word
    const emissions = this.#output.forward(this.#lstm?.forward(words, chainOffsets).output ?? words); // (N, K)
    if (training) return { emissions };
    const { tags } = this.#crf.decode(emissions, chainOffsets);
    return { emissions, logits: athanor.pathLogits(tags, batch, this.#crf.tags) };
  }

  loss({ emissions }: { emissions: athanor.Tensor }, batch: athanor.Batch) {
    return this.#crf.nll(emissions, batch.extra.chainOffsets, batch.labels as athanor.Tensor);
  }
}

const all = await athanor.readTable(options.train ?? bundled("wnut17/train.conll.gz"), { format: "conll" });
const train = options.quick ? all.slice(0, 40) : all;
const test = options.test ? await athanor.readTable(options.test, { format: "conll" }) : train;
const labels = athanor.tokenLabelNames([...train, ...test]);
const size = { width: options.quick ? 32 : 128, positions: 256, dropout: 0 };
const fresh = { model: options.model, head: { labels }, ...size };
const { model, tokenizer } = await loadModel(athanor.autoModelForHead("CrfTagging", CrfTagger), fresh);
const args = {
  epochs: Number(options.epochs ?? (options.quick ? 2 : 12)),
  learningRate: options.model === undefined ? 1e-3 : 5e-5,
};
const task = athanor.tokenClassification();
const trainer = new athanor.Trainer({ model, tokenizer, task, train, args });
for await (const { type, step, totalSteps, loss } of trainer.run()) {
  const mean = type === "end" ? "mean " : "";
  if (type === "log" || mean) console.log(`step ${step} of ${totalSteps}: ${mean}loss ${loss.toFixed(3)}`);
}
const scores = await trainer.evaluate(test);
for (const name of ["precision", "recall", "f1", "accuracy"]) console.log(name, scores[name].toFixed(3));
model.dispose();
