// A training step of BERT-base in fp32: forward, backward, clipping and AdamW, 8 sequences of 128 tokens, dropout on.
// Prints one JSON line. `benchmarks/peers/bert_train.py` does the same in PyTorch; run both in turns.
//   node dist/benchmarks/models/bert-train.bench.js [steps] [batch] [length]
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { memory, synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { AdamW } from "../../src/training/optimizer.js";
import { describeMachine, summarise } from "../support/runner.js";

const [steps = 20, size = 8, length = 128] = process.argv.slice(2).map(Number);
const model = await AutoModelForSequenceClassification.fromConfig({ model_type: "bert" }, { seed: 1 });
const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
const examples = Array.from({ length: size }, (_, b) => ({
  inputIds: Int32Array.from({ length }, (_, i) => 1000 + ((b * 7919 + i * 104729) % 20000)),
  labels: b % 2,
}));
model.train();
const batch = model.collate(examples);
const milliseconds: number[] = [];
const losses: number[] = [];
for (let step = 0; step < steps + 2; step++) {
  const begin = performance.now();
  const loss = scope(() => {
    const output = model.forward(batch);
    output.loss!.backward();
    optimizer.step({ maxGradNorm: 1 });
    optimizer.zeroGrad();
    return output.loss!;
  });
  losses.push(await loss.item());
  await synchronize();
  loss.dispose();
  if (step >= 2) milliseconds.push(performance.now() - begin);
}
const timing = summarise(milliseconds);
console.log(
  JSON.stringify({
    benchmark: "bert-base training step",
    batch: size,
    length,
    dtype: "f32",
    steps,
    ...timing,
    tokensPerSecond: Math.round((size * length * 1000) / timing.median_ms),
    firstLoss: losses[0],
    lastLoss: losses[losses.length - 1],
    peakBytes: memory().peak,
    ...describeMachine(),
  }),
);
