// What a search costs beside the runs it makes: trials of a Trainer in turns with as many runs by hand, evaluation included (small-run.ts);
// and what choosing parameters costs, on an objective that takes no time.
//   node dist/benchmarks/training/search.bench.js
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SearchSpace, search } from "../../src/search/index.js";
import { Trainer } from "../../src/training/index.js";
import { bench } from "../support/runner.js";
import { LENGTH, modelInit, ROWS, rows, runArgs } from "./small-run.js";

const shape = [ROWS, LENGTH];
const prepare = (row: object) => row;
const trainer = new Trainer({ modelInit, train: rows, eval: rows, prepare, args: runArgs });
const space: SearchSpace = {
  learningRate: { type: "logUniform", low: 1e-6, high: 1e-3 },
  weightDecay: { type: "uniform", low: 0, high: 0.1 },
};
const journal = join(tmpdir(), `athanor-bench-${process.pid}.jsonl`);
const trials = async () => {
  await rm(journal, { force: true });
  await search(trainer, space, { trials: 3, samplerOptions: { startupTrials: 1 }, journal });
};
const byHand = async () => {
  for (let i = 0; i < 3; i++) {
    const own = trainer.withArgs({ seed: i });
    await own.train();
    (own.model as { dispose?(): void }).dispose?.();
  }
};
const baseline = { name: "three runs by hand", run: byHand };
await bench({ op: "search", variant: "3 trials, journal", shape, dtype: "f32", run: trials, baseline });
const six: SearchSpace = Object.fromEntries(
  Array.from({ length: 6 }, (_, i) => [`p${i}`, { type: "uniform", low: 0, high: 1 } as const]),
);
const sampling = (sampler: "tpe" | "random") => async () =>
  void (await search((p) => Math.abs(Number(p.p0) - 0.3), six, { trials: 100, sampler }));
await bench({
  ...{ op: "search", variant: "100 trials of nothing by TPE", shape: [100, 6], dtype: "f64" },
  ...{ run: sampling("tpe"), baseline: { name: "the same at random", run: sampling("random") } },
});
await rm(journal, { force: true });
