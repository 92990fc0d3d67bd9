// Taggers over BERT compared: the plain head, a CRF, an LSTM below a CRF (heads.ts), on WNUT-17 and Weibo, from the same
// fresh weights of a small encoder (2 layers, 128 wide, dropout 0.1) for each of several seeds. Each run is a process of
// its own, and heads take turns. Prints, and appends to a results file, a line for each data set and head: precision,
// recall and F1 of entities, of all seeds, and the mean F1.
//
//   node dist/benchmarks/taggers/main.js --data FOLDER [--only wnut17] [--epochs 15] [--seeds 3] [--out FILE] [--cost]
//
// With --cost lines say what training takes instead: the median milliseconds of a step (after the first fifth), over all
// seeds, beside the plain head's, and peak memory. For a machine that does nothing else.
import { execFile } from "node:child_process";
import { appendFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { describeCommit } from "../support/runner.js";
import { taggers } from "./heads.js";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    only: { type: "string", multiple: true, default: ["wnut17", "weibo"] },
    epochs: { type: "string", default: "15" },
    seeds: { type: "string", default: "3" },
    out: { type: "string" },
    cost: { type: "boolean", default: false },
  },
});
const { data } = options;
if (data === undefined)
  throw new Error("needs --data FOLDER (benchmarks/README.md says with what), got none");

interface Run {
  precision: number;
  recall: number;
  f1: number;
  loss: number;
  parameters: number;
  stepMs: number[];
  peakMb: number;
  encoder: string;
}

const program = fileURLToPath(new URL("./run.js", import.meta.url));

async function run(name: string, head: string, seed: number): Promise<Run> {
  const words = [program, name, head, String(seed), options.epochs, data!];
  const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Run;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const commit = describeCommit();
for (const name of options.only) {
  const runs = new Map<string, Run[]>([...taggers.keys()].map((head) => [head, []]));
  for (let seed = 1; seed <= Number(options.seeds); seed++) {
    for (const [head, done] of runs) {
      const result = await run(name, head, seed);
      done.push(result);
      console.error(`${name}, ${head}, seed ${seed}: F1 ${result.f1.toFixed(4)}`);
    }
    const encoders = new Set([...runs.values()].map((done) => done.at(-1)!.encoder));
    if (encoders.size > 1) throw new Error(`${name}, seed ${seed}: encoders began with other weights`);
  }
  for (const [head, done] of runs) {
    const line = {
      ...{ benchmark: `taggers/${name}`, head, commit, date: new Date().toISOString() },
      ...{ cpu: os.cpus()[0]?.model, cores: os.availableParallelism(), epochs: Number(options.epochs) },
      ...(options.cost ? costOf(done, runs.get("plain")!) : scoresOf(done)),
    };
    console.log(JSON.stringify(line));
    if (options.out) appendFileSync(options.out, `${JSON.stringify(line)}\n`);
  }
}

function scoresOf(runs: readonly Run[]) {
  const of = (key: "precision" | "recall" | "f1") => runs.map((run) => Number(run[key].toFixed(4)));
  const meanF1 = runs.reduce((sum, { f1 }) => sum + f1, 0) / runs.length;
  return {
    f1: of("f1"),
    meanF1: Number(meanF1.toFixed(4)),
    precision: of("precision"),
    recall: of("recall"),
  };
}

function costOf(runs: readonly Run[], plain: readonly Run[]) {
  const steps = (of: readonly Run[]) =>
    of.flatMap(({ stepMs }) => stepMs.slice(Math.floor(stepMs.length / 5)));
  const stepMs = median(steps(runs));
  return {
    ...{ steps: steps(runs).length, stepMs: Number(stepMs.toFixed(2)) },
    timeOfPlain: Number((stepMs / median(steps(plain))).toFixed(2)),
    peakMb: Math.max(...runs.map(({ peakMb }) => peakMb)),
    parameters: runs[0].parameters,
  };
}
