// A training step of BERT-base in fp32: forward, backward, clipping and AdamW, 8 sequences of 128 tokens, dropout on.
//   node dist/benchmarks/training/bert.bench.js
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { memory, synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { encoderFlops } from "../compare/inference.js";
import { fullRows } from "../compare/rows.js";
import { describeMachine, runCount, summarise } from "../support/runner.js";

const [size, length, warmUp] = [8, 128, 2];
const steps = runCount();
const model = await AutoModelForSequenceClassification.fromConfig({ model_type: "bert" }, { seed: 1 });
const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
const rows = fullRows(size, length);
const batch = model.collate(rows.map(({ ids, label }) => ({ inputIds: ids, labels: label })));
model.train();
const milliseconds: number[] = [];
const losses: number[] = [];
for (let step = 0; step < steps + warmUp; step++) {
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
  if (step >= warmUp) milliseconds.push(performance.now() - begin);
}
const timing = summarise(milliseconds);
console.log(
  JSON.stringify({
    op: "BERT-base training step",
    shape: [size, length],
    dtype: "f32",
    runs: steps,
    ...timing,
    gflop_s: Number(((3 * encoderFlops([rows])) / timing.median_ms / 1e6).toPrecision(4)),
    tokens_s: Math.round((size * length * 1000) / timing.median_ms),
    loss: losses.at(-1),
    peak_bytes: memory().peak,
    ...describeMachine(),
  }),
);
