// attention against PyTorch's scaled_dot_product_attention: each in its own process, taking turns, the same number of
// threads. Prints one JSON line per workload and pass: medians, their ratio, and our GFLOP/s.
//
// A sample is the mean of a few runs, after one that wakes the threads up: both engines have them awake in a model.
//
//   node dist/benchmarks/ops/attention-peer.bench.js --python PYTHON [--only NAME] [--runs 20] [--threads 2] [--apart]
//
// "forward" records nothing; "backward" is the backward pass alone. FLOPs count what is not padding and not masked.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setThreads, synchronize } from "../../src/tensor/device.js";
import { attention } from "../../src/tensor/ops/attention.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";
import { describeMachine, summarise } from "../support/runner.js";

interface Workload {
  name: string;
  lengths: number[];
  heads: number;
  size: number;
  causal: boolean;
}

type Part = "forward" | "backward";
const restMs = 12; // so that the other engine's threads have gone to sleep
const sampleMs = 4;

const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    only: { type: "string", default: "" },
    runs: { type: "string", default: "20" },
    threads: { type: "string", default: "2" },
    apart: { type: "boolean", default: false },
  },
});

const equal = (batch: number, time: number) => new Array<number>(batch).fill(time);
const ragged = Array.from(randomIntegers([32], 3, 5, 61));
const bert = { heads: 12, size: 64, causal: false };
const workloads: Workload[] = [
  { name: "8x128", lengths: equal(8, 128), ...bert },
  { name: "8x384", lengths: equal(8, 384), ...bert },
  { name: "32 of 5-60", lengths: ragged, ...bert },
  { name: "8x128 size 32", lengths: equal(8, 128), ...bert, heads: 24, size: 32 },
  { name: "8x128 size 128", lengths: equal(8, 128), ...bert, heads: 6, size: 128 },
  { name: "8x384 causal", lengths: equal(8, 384), ...bert, causal: true },
  { name: "2x1024", lengths: equal(2, 1024), ...bert },
  { name: "2x1024 causal", lengths: equal(2, 1024), ...bert, causal: true },
].filter((w) => w.name.startsWith(args.only));

function flopsOf(w: Workload, part: Part): number {
  const pairs = w.lengths.reduce((sum, n) => sum + (w.causal ? (n * (n + 1)) / 2 : n * n), 0);
  return (part === "forward" ? 4 : 10) * pairs * w.heads * w.size;
}

function prepare(w: Workload): (part: Part) => Promise<number> {
  const starts = [0];
  for (const n of w.lengths) starts.push(starts[starts.length - 1] + n);
  const [rows, width] = [starts[w.lengths.length], w.heads * w.size];
  const offsets = tensor(Int32Array.from(starts), [starts.length]);
  const packed = tensor(randomData([rows, 3 * width], 1), [rows, 3 * width]);
  const leaves = [0, 1, 2].map((i) => packed.slice(i * width, (i + 1) * width, 1).detach());
  for (const t of leaves) t.requiresGrad = true;
  const [q, k, v] = leaves;
  const upstream = tensor(randomData([rows, width], 2), [rows, width]);
  const attend = () => attention(q, k, v, { heads: w.heads, offsets, causal: w.causal });
  return async (part) => {
    if (part === "forward") {
      const start = performance.now();
      scope(() => noGrad(() => void attend()));
      await synchronize();
      return performance.now() - start;
    }
    const output = attend();
    await synchronize();
    const start = performance.now();
    scope(() => output.backward(upstream));
    await synchronize();
    const end = performance.now();
    for (const t of leaves) t.grad = null;
    output.dispose();
    return end - start;
  };
}

function startPeer(python: string) {
  const script = new URL("../../../benchmarks/peers/attention.py", import.meta.url).pathname;
  const words = [script, args.threads, JSON.stringify(workloads), ...(args.apart ? ["--apart"] : [])];
  const child = spawn(python, words, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  return {
    next,
    sample: async (index: number, part: Part, repeats: number): Promise<number> => {
      child.stdin.write(`${index} ${part} ${repeats}\n`);
      return 1e3 * (await next()).seconds;
    },
    end: () => child.stdin.end(),
  };
}

async function repeated(run: (part: Part) => Promise<number>, part: Part, repeats: number): Promise<number> {
  await run(part); // wakes the threads up
  let total = 0;
  for (let i = 0; i < repeats; i++) total += await run(part);
  return total / repeats;
}

async function main(): Promise<void> {
  setThreads(Number(args.threads));
  const peer = startPeer(args.python);
  const versions = await peer.next();
  for (const [index, w] of workloads.entries()) {
    const run = prepare(w);
    for (const part of ["forward", "backward"] as const) {
      await repeated(run, part, 2);
      const repeats = Math.max(1, Math.ceil(sampleMs / (await run(part))));
      await peer.sample(index, part, repeats);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let i = 0; i < Number(args.runs); i++) {
        await sleep(restMs);
        ours.push(await repeated(run, part, repeats));
        await sleep(restMs);
        theirs.push(await peer.sample(index, part, repeats));
      }
      const [own, other] = [summarise(ours), summarise(theirs)];
      const line = {
        op: "attention",
        workload: w.name,
        part,
        runs: ours.length,
        ...own,
        gflop_s: Number((flopsOf(w, part) / (own.median_ms * 1e6)).toPrecision(4)),
        baseline: { name: "PyTorch SDPA", ...versions, ...other },
        speedup: Number((other.median_ms / own.median_ms).toPrecision(3)),
        ...describeMachine(),
      };
      console.log(JSON.stringify(line));
    }
  }
  peer.end();
}

await main();
