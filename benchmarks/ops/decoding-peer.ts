// The ops of a decoding step against PyTorch's: each in its own process, taking turns, the same number of threads. Prints
// one JSON line per workload: medians and their ratio.
//
//   node dist/benchmarks/ops/decoding-peer.js --python PYTHON [--only NAME] [--runs 20] [--threads 2]
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setThreads, synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { describeMachine, summarise } from "../support/runner.js";
import {
  beamStep,
  choosing,
  crossAttention,
  processing,
  selfAttention,
  sizes,
} from "./decoding-workloads.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    only: { type: "string", default: "" },
    runs: { type: "string", default: "20" },
    threads: { type: "string", default: "2" },
  },
});

const restMs = 12; // so that the other engine's threads have gone to sleep

// The names are those of benchmarks/peers/decoding.py.
const workloads: [string, () => () => unknown][] = [
  ["self attention", () => selfAttention(0)],
  ["self attention, shared past", () => selfAttention(48)],
  ["cross attention", () => crossAttention()],
  ["top-k", () => choosing()],
  ["beam step", () => beamStep()],
  ["sampling", () => processing({ temperature: 0.7, topK: 50, topP: 0.9 })],
  ["nucleus", () => processing({ topP: 0.9 })],
  ["penalty and n-grams", () => processing({ repetitionPenalty: 1.2, noRepeatNgramSize: 3 })],
];

function startPeer() {
  const script = new URL("../../../benchmarks/peers/decoding.py", import.meta.url).pathname;
  const child = spawn(args.python, [script, args.threads, JSON.stringify(sizes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  return {
    next,
    sample: async (name: string): Promise<number> => {
      child.stdin.write(`${name}\n`);
      return 1e3 * (await next()).seconds;
    },
    end: () => child.stdin.end(),
  };
}

/** The second of two runs: the first wakes the threads up. */
async function timed(run: () => unknown): Promise<number> {
  let start = 0;
  for (let i = 0; i < 2; i++) {
    start = performance.now();
    scope(() => void run());
    await synchronize();
  }
  return performance.now() - start;
}

async function main(): Promise<void> {
  setThreads(Number(args.threads));
  const peer = startPeer();
  const versions = await peer.next();
  for (const [name, prepare] of workloads.filter(([name]) => name.startsWith(args.only))) {
    const run = prepare();
    for (let i = 0; i < 2; i++) await Promise.all([await timed(run), await peer.sample(name)]);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let i = 0; i < Number(args.runs); i++) {
      await sleep(restMs);
      ours.push(await timed(run));
      await sleep(restMs);
      theirs.push(await peer.sample(name));
    }
    const [own, other] = [summarise(ours), summarise(theirs)];
    const line = {
      workload: name,
      runs: ours.length,
      ...own,
      baseline: { ...versions, ...other },
      speedup: Number((other.median_ms / own.median_ms).toPrecision(3)),
      ...describeMachine(),
    };
    console.log(JSON.stringify(line));
  }
  peer.end();
}

await main();
