// What representations cost: encoding beside Sentence-Transformers and Transformers, and a training step of each kind beside
// plain fine-tuning. Every engine is a process of its own; they take turns, and the one that waits is stopped.
//   node dist/benchmarks/embeddings/main.js [--python PY] [--only encode|step] [--runs 20] [--threads N] [--out FILE]
// PY needs sentence-transformers, transformers and torch; without it only this library is measured.
import { appendFileSync, readFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Child } from "../compare/child.js";
import { Machine } from "../compare/machine.js";
import { type BenchLine, type ResultLine, report } from "../report.js";
import { describeRun, selects } from "../support/run-line.js";
import { summarise } from "../support/runner.js";
import { writeJob } from "./job.js";

const text = { type: "string" } as const;
const { values: args } = parseArgs({
  options: {
    python: text,
    only: { ...text, multiple: true },
    runs: { ...text, default: "20" },
    threads: text,
    out: text,
  },
});
const runs = Number(args.runs);
const threads = Number(args.threads ?? os.availableParallelism());
const cache = join(os.tmpdir(), `athanor-bench-${os.userInfo().username}`);
// Steps before those that are counted: memory and caches settle.
const WARM_UP = 3;

interface Sample {
  ms: number;
  tokens?: number;
  loss?: number;
  peak?: number;
}

class Engine {
  readonly samples: Sample[] = [];
  readonly child: Child;
  readonly outputs: string;

  constructor(
    readonly workload: string,
    readonly label: "ours" | "sentence-transformers" | "transformers",
  ) {
    const count = String(threads);
    const env = {
      ATHANOR_THREADS: count,
      OMP_NUM_THREADS: count,
      MKL_NUM_THREADS: count,
      HF_HUB_OFFLINE: "1",
    };
    const command =
      label === "ours"
        ? [process.execPath, "dist/benchmarks/embeddings/engine.js"]
        : [args.python!, "benchmarks/embeddings/sentence_peer.py"];
    this.child = new Child(`${workload}, ${label}`, command, env);
    this.outputs = join(cache, `${workload.replace("/", "-")}-${label}.bin`);
  }

  async load(job: string): Promise<void> {
    const { workload, label, outputs } = this;
    await this.child.ask({ command: "load", workload, engine: label, job, outputs, threads });
    this.child.sleep();
  }

  async run(): Promise<void> {
    this.child.wake();
    this.samples.push(await this.child.ask<Sample>({ command: "run" }));
    this.child.sleep();
  }

  get counted(): Sample[] {
    return this.samples.slice(WARM_UP);
  }

  get median(): number {
    return summarise(this.counted.map(({ ms }) => ms)).median_ms;
  }
}

/** Runs the engines in turns, in an order that is turned round each time. */
async function measured(engines: Engine[], job: string): Promise<Engine[]> {
  for (const engine of engines) await engine.load(job);
  for (let run = 0; run < runs + WARM_UP; run++) {
    for (const engine of run % 2 ? engines.toReversed() : engines) await engine.run();
  }
  return engines;
}

/** @param baseline the engine whose time is over this one's in `speedup` */
function lineOf(engine: Engine, tokens: number, baseline: Engine | undefined, note: string): BenchLine {
  const { workload, label, counted, child, median } = engine;
  const loss = counted.at(-1)?.loss;
  const memory = child.peakMemory();
  const facts = [
    `${label === "ours" ? "" : `${label}; `}process ${Math.round((memory ?? 0) / 2 ** 20)} MB`,
    note,
  ];
  return {
    kind: "bench",
    program: `embeddings/${workload}`,
    op: label,
    variant: facts.filter(Boolean).join("; "),
    ...summarise(counted.map(({ ms }) => ms)),
    tokens_s: Math.round((1000 * tokens) / median),
    ...(baseline && {
      speedup: Number((baseline.median / median).toPrecision(3)),
      baseline: { name: `${baseline.workload}, ${baseline.label}` },
    }),
    ...(loss !== undefined && { loss }),
  };
}

async function encode(job: string): Promise<BenchLine[]> {
  const labels = [
    "ours",
    ...(args.python ? (["sentence-transformers", "transformers"] as const) : []),
  ] as const;
  const engines = await measured(
    labels.map((label) => new Engine("encode/banking77", label)),
    job,
  );
  const [ours] = engines;
  const vectors = engines.map(
    ({ outputs }) => new Float32Array(new Uint8Array(readFileSync(outputs)).buffer),
  );
  const tokens = ours.counted[0].tokens!;
  const lines = engines.map((engine, i) => {
    const difference = vectors[i].reduce(
      (most, value, at) => Math.max(most, Math.abs(value - vectors[0][at])),
      0,
    );
    const note = engine === ours ? "" : `embeddings differ by ${difference.toExponential(1)}`;
    return lineOf(engine, tokens, engine === ours ? undefined : ours, note);
  });
  await Promise.all(engines.map(({ child }) => child.close()));
  return lines;
}

async function steps(job: string): Promise<BenchLine[]> {
  const kinds = ["plain", "features", "ranking", "cosine"];
  const peers = args.python
    ? ["ranking", "cosine"].map((kind) => new Engine(`step/${kind}`, "sentence-transformers"))
    : [];
  const ours = kinds.map((kind) => new Engine(`step/${kind}`, "ours"));
  await measured([...ours, ...peers], job);
  const tokens = mean(ours[0].counted.map((sample) => sample.tokens!));
  const lines = [...ours, ...peers].map((engine) => {
    const own = ours.find(({ workload }) => workload === engine.workload)!;
    const baseline = engine === ours[0] ? undefined : engine.label === "ours" ? ours[0] : own;
    const { peak } = engine.counted.at(-1)!;
    const apart = engine.samples.map(({ loss }, i) => Math.abs(loss! - own.samples[i].loss!));
    const note =
      peak === undefined
        ? `losses differ by at most ${Math.max(...apart).toExponential(1)}`
        : `tensors ${Math.round(peak / 2 ** 20)} MB`;
    return lineOf(engine, tokens, baseline, note);
  });
  await Promise.all([...ours, ...peers].map(({ child }) => child.close()));
  return lines;
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const { file } = await writeJob(cache);
const machine = new Machine(cache, threads);
const lines: ResultLine[] = [describeRun({ threads, samples: runs, peaks: await machine.peaks() })];
await machine.close();
if (selects(args.only, "encode")) lines.push(...(await encode(file)));
if (selects(args.only, "step")) lines.push(...(await steps(file)));
if (args.out) for (const line of lines) appendFileSync(args.out, `${JSON.stringify(line)}\n`);
console.log(report(lines));
