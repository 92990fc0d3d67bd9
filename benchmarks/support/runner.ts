// The runner of all op benchmarks: warms up, times at least 20 runs, prints one JSON line. Timing is never
// asserted. Environment: ATHANOR_BENCH_RUNS changes the number of runs (below 20 the line says so).
import { execFileSync } from "node:child_process";
import os from "node:os";
import { performance } from "node:perf_hooks";

export interface Benchmark {
  op: string;
  shape: number[];
  dtype: string;
  /** What is measured, when the op alone does not say it ("forward", "backward", "scalar"). */
  variant?: string;
  /** Bytes that one run must read and write at least: gives GB/s. */
  bytes?: number;
  /** Floating-point operations of one run: gives GFLOP/s. */
  flops?: number;
  /** One run, finished when the promise resolves: await a result or synchronize(). */
  run: () => Promise<void>;
  /** The same work done by something else, run in turns with ours. */
  baseline?: { name: string; run: () => Promise<void> | void };
}

interface Timing {
  median_ms: number;
  /** The 10th and 90th percentile. */
  spread_ms: [number, number];
}

const leastMilliseconds = 0.2; // a sample repeats shorter runs, so that the clock does not matter

function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** Median and the 10th and 90th percentile, in milliseconds. */
export function summarise(samples: number[]): Timing {
  const sorted = samples.toSorted((a, b) => a - b);
  const round = (x: number) => Number(x.toPrecision(4));
  return {
    median_ms: round(quantile(sorted, 0.5)),
    spread_ms: [round(quantile(sorted, 0.1)), round(quantile(sorted, 0.9))],
  };
}

async function sample(run: () => Promise<void> | void, repeats: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await run();
  return (performance.now() - start) / repeats;
}

// Warms up for at least three runs and returns how often a sample should repeat the run.
async function warmUp(run: () => Promise<void> | void): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) fastest = Math.min(fastest, await sample(run, 1));
  return Math.max(1, Math.min(1000, Math.ceil(leastMilliseconds / Math.max(fastest, 1e-4))));
}

// GB/s of a plain copy on one thread, bytes read and written: what the memory of this machine gives now.
function copyBandwidth(): number {
  const from = new Float32Array(8 << 20).fill(1);
  const to = new Float32Array(from.length);
  const samples: number[] = [];
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    to.set(from);
    samples.push(performance.now() - start);
  }
  return (2 * from.byteLength) / (summarise(samples).median_ms * 1e6);
}

/** The commit that is measured, and whether files differ from it. */
export function describeCommit(): string {
  try {
    const git = (...words: string[]) =>
      execFileSync("git", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const hash = git("rev-parse", "--short", "HEAD");
    const changed = git("status", "--porcelain") !== "";
    return changed ? `${hash}+changes` : hash;
  } catch {
    return "unknown";
  }
}

let machine: Record<string, unknown> | undefined;
/** Commit, date and machine of a measurement. */
export function describeMachine(): Record<string, unknown> {
  machine ??= {
    commit: describeCommit(),
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.availableParallelism(),
    threads: process.env.ATHANOR_THREADS ?? "default",
    isa: process.env.ATHANOR_ISA ?? "default",
    node: process.version,
    copy_gb_s: Number(copyBandwidth().toPrecision(3)),
  };
  return machine;
}

/** How many runs to time. */
export const runCount = (): number => Number(process.env.ATHANOR_BENCH_RUNS ?? 20);

/** Measures one workload and prints its line. */
export async function bench(b: Benchmark): Promise<void> {
  const runs = runCount();
  const repeats = await warmUp(b.run);
  const baselineRepeats = b.baseline ? await warmUp(b.baseline.run) : 0;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < runs; i++) {
    ours.push(await sample(b.run, repeats));
    if (b.baseline) theirs.push(await sample(b.baseline.run, baselineRepeats));
  }
  const timing = summarise(ours);
  const rate = (amount: number | undefined) =>
    amount === undefined ? undefined : Number((amount / (timing.median_ms * 1e6)).toPrecision(4));
  const against = b.baseline ? summarise(theirs) : undefined;
  const line = {
    op: b.op,
    variant: b.variant,
    shape: b.shape,
    dtype: b.dtype,
    runs,
    ...timing,
    gb_s: rate(b.bytes),
    gflop_s: rate(b.flops),
    baseline: against && { name: b.baseline?.name, ...against },
    speedup: against && Number((against.median_ms / timing.median_ms).toPrecision(3)),
    ...describeMachine(),
  };
  console.log(JSON.stringify(line));
}
