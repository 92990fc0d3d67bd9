// A head of one's own: attention pooling. Each token gets a score, and a text is the mean of its tokens by the softmax
// of their scores. It is trained, saved and loaded like any other.
//
//   node dist/examples/custom-head.js                                   bundled rows of BANKING77, fresh weights
//   node dist/examples/custom-head.js --model FOLDER --output my-model
import { parseArgs } from "node:util";
import {
  autoModelForHead,
  type Batch,
  classLabels,
  type HeadContext,
  type HeadInputs,
  nn,
  ops,
  readTable,
  type Tensor,
  Trainer,
  textClassification,
} from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

class AttentionPooling {
  readonly score: nn.Linear;
  readonly output: nn.Linear;

  constructor({ parameters, hiddenSize, classes, init }: HeadContext) {
    this.score = new nn.Linear(parameters, "pooling.score", hiddenSize, 1, init);
    this.output = new nn.Linear(parameters, "pooling.output", hiddenSize, classes, init);
  }

  forward({ lastHiddenState, batch }: HeadInputs) {
    const weights = ops.segmentSoftmax(this.score.forward(lastHiddenState), batch.offsets); // (T, 1)
    const pooled = ops.segmentReduce(ops.mul(lastHiddenState, weights), batch.offsets, "sum"); // (B, C)
    return { logits: this.output.forward(pooled), weights };
  }

  loss({ logits }: { logits: Tensor }, batch: Batch): Tensor {
    return ops.crossEntropy(logits, batch.labels!);
  }
}
const AutoModelForAttentionPooling = autoModelForHead("AttentionPooling", AttentionPooling);

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: { model: text, output: text, quick: { type: "boolean", default: false } },
});
const { quick } = options;
const rows = await readTable(bundled("banking77/train.csv.gz"));
const train = quick ? rows.filter((_, i) => i % 50 === 0) : rows;
const { labels } = classLabels(train, "category");
const sizes = { model: options.model, width: quick ? 16 : 128, positions: 128, head: { labels } };
const { model, tokenizer } = await loadModel(AutoModelForAttentionPooling, sizes);
const args = { epochs: quick ? 1 : 4, learningRate: options.model ? 5e-5 : 1e-3, batchSize: 32 };
const task = textClassification({ labelColumn: "category" });
const trainer = new Trainer({ model, tokenizer, task, train, args });
console.log(`${model.architecture}, loss ${(await trainer.train()).loss.toFixed(3)}`);
const [{ label, score }] = await trainer.predict([{ text: "My card was swallowed by the machine!" }]);
console.log(`${label} (${score.toFixed(2)})`);
await saveModel(model, tokenizer, options.output);
model.dispose();
