// What the ends of the Hessian's spectrum cost beside plain fine-tuning (small-run.ts): in turns with an epoch over the same rows; and
// the memory of diagnostics.
//   node --expose-gc dist/benchmarks/training/hessian.bench.js
import { diagnose, gradientNoise, hessianSpectrum, modelSubject } from "../../src/diagnostics/index.js";
import { emptyCache, memory } from "../../src/tensor/device.js";
import { Trainer } from "../../src/training/index.js";
import { bench, describeMachine } from "../support/runner.js";
import { LENGTH, modelInit, ROWS, rows, runArgs } from "./small-run.js";

const shape = [ROWS, LENGTH];
const prepare = (row: object) => row;
const model = await modelInit();
const epoch = async () => void (await new Trainer({ model, train: rows, prepare, args: runArgs }).train());
const subject = modelSubject({ model, examples: rows, batchSize: 16 });
const halves = modelSubject({ model, examples: rows, batchSize: 8 });

await bench({
  ...{ op: "hessianSpectrum", variant: "4 iterations of Lanczos: 14 products", shape, dtype: "f32" },
  run: async () => void (await hessianSpectrum(subject, { iterations: 4 })),
  baseline: { name: "an epoch of fine-tuning", run: epoch },
});

/** The most that tensors held, and typed arrays of JavaScript, in MB. */
async function peaks(run: () => Promise<unknown>): Promise<string> {
  globalThis.gc?.();
  emptyCache();
  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 2);
  await run();
  clearInterval(timer);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  return `tensors ${megabytes(memory().peak)} MB, JavaScript ${megabytes(most - before)} MB`;
}

const memories: [string, () => Promise<unknown>][] = [
  ["an epoch of fine-tuning", epoch],
  ["gradientNoise", () => gradientNoise(halves)],
  ["hessianSpectrum, 4 iterations", () => hessianSpectrum(subject, { iterations: 4 })],
  ["diagnose, 20 iterations", () => diagnose(halves, { iterations: 20 })],
];
for (const [op, run] of memories) {
  const variant = `most memory: ${await peaks(run)}`;
  console.log(JSON.stringify({ op, variant, shape, dtype: "f32", runs: 1, ...describeMachine() }));
}
model.dispose();
