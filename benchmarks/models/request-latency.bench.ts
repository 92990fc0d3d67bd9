// How long a short request to a small model takes alone and while BERT-base trains in the same process, and how
// free the event loop stays meanwhile. The small model has high priority: it waits for the command that is running,
// not for the step. Prints JSON lines.
//   node dist/benchmarks/models/request-latency.bench.js [requests]
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { AutoModelForSequenceClassification, type Model } from "../../src/models/index.js";
import { ready, synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { describeMachine, summarise } from "../support/runner.js";

const requests = Number(process.argv[2] ?? 40);
const size = 8;
const length = 128;
const smallConfig = {
  model_type: "bert",
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
};
const small = await AutoModelForSequenceClassification.fromConfig(smallConfig, { priority: "high", seed: 1 });
const large = await AutoModelForSequenceClassification.fromConfig({ model_type: "bert" }, { seed: 1 });
const optimizer = new AdamW(large.parameters(), { lr: 2e-5, weightDecay: 0.01 });

function sequence(b: number, tokens: number): { inputIds: Int32Array; labels: number } {
  return {
    inputIds: Int32Array.from({ length: tokens }, (_, i) => 1000 + ((b * 7919 + i * 104729) % 20000)),
    labels: b % 2,
  };
}

async function request(model: Model): Promise<number> {
  const begin = performance.now();
  const batch = model.collate([sequence(1, 16)]);
  const { logits, loss } = noGrad(() => model.forward(batch));
  await logits.data();
  for (const t of [logits, loss, batch]) t?.dispose();
  return performance.now() - begin;
}

async function measure(pause: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < requests; i++) {
    await sleep(pause);
    times.push(await request(small));
  }
  return times;
}

const pause = () => new Promise((resolve) => setImmediate(resolve));
let training = true;
const stepTimes: number[] = [];
async function train(): Promise<void> {
  large.train();
  const batch = large.collate(Array.from({ length: size }, (_, b) => sequence(b, length)));
  const pending: Tensor[] = [];
  while (training) {
    const begin = performance.now();
    const output = scope(() => large.forward(batch));
    await pause();
    output.loss!.backward();
    output.logits.dispose();
    optimizer.step({ maxGradNorm: 1 }).gradNorm.dispose();
    optimizer.zeroGrad();
    pending.push(output.loss!);
    await ready();
    if (pending.length > 2) {
      const loss = pending.shift()!;
      await loss.item();
      loss.dispose();
    }
    stepTimes.push(performance.now() - begin);
  }
  await synchronize();
}

await measure(1); // warm up
const alone = await measure(5);
const running = train();
await sleep(3000);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const meanwhile = await measure(50);
while (stepTimes.length < 12) meanwhile.push(...(await measure(50)));
delay.disable();
training = false;
await running;
const longest = (times: number[]) => Number(Math.max(...times).toPrecision(4));
const common = { dtype: "f32", ...describeMachine() };
const asked = { op: "request to 4 layers, 256 wide, priority high", shape: [1, 16] };
const lines = [
  { ...asked, variant: "alone", runs: alone.length, ...summarise(alone), max_ms: longest(alone) },
  {
    ...asked,
    variant: "while BERT-base trains",
    runs: meanwhile.length,
    ...summarise(meanwhile),
    max_ms: longest(meanwhile),
    // monitorEventLoopDelay counts its own resolution of 1 ms.
    eventLoop: {
      p50_ms: delay.percentile(50) / 1e6,
      p99_ms: delay.percentile(99) / 1e6,
      max_ms: delay.max / 1e6,
    },
  },
  {
    op: "BERT-base training step beside the requests",
    shape: [size, length],
    ...summarise(stepTimes.slice(2)),
  },
];
for (const line of lines) console.log(JSON.stringify({ ...line, ...common }));
