// What the diagnostics of gradients cost beside plain fine-tuning (small-run.ts): in turns with an epoch over the same rows.
//   node dist/benchmarks/training/diagnostics.bench.js
import {
  gradientNoise,
  gradientNorms,
  learningRateRange,
  modelSubject,
} from "../../src/diagnostics/index.js";
import { Trainer } from "../../src/training/index.js";
import { bench } from "../support/runner.js";
import { LENGTH, modelInit, ROWS, rows, runArgs } from "./small-run.js";

const shape = [ROWS, LENGTH];
const prepare = (row: object) => row;
const model = await modelInit();
const epoch = async () => void (await new Trainer({ model, train: rows, prepare, args: runArgs }).train());
const plain = { name: "an epoch of fine-tuning", run: epoch };
const subject = modelSubject({ model, examples: rows, batchSize: 16 });
// gradientNoise() needs three batches.
const halves = modelSubject({ model, examples: rows, batchSize: 8 });

const diagnoses: [string, string | undefined, () => Promise<unknown>][] = [
  ["gradientNorms", undefined, () => gradientNorms(subject)],
  ["gradientNoise", "4 batches of 8", () => gradientNoise(halves)],
  ["learningRateRange", "10 steps", () => learningRateRange(subject, { steps: 10 })],
];
for (const [op, variant, run] of diagnoses) {
  const timed = async () => void (await run());
  await bench({ op, variant, shape, dtype: "f32", run: timed, baseline: plain });
}

model.dispose();
