// Measures a workload: engines take turns, and a calibration loop before and after each sample says whether the
// machine was disturbed meanwhile.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Answer, SampleAnswer } from "../engines/tasks.js";
import { summarise } from "../support/runner.js";
import type { Child } from "./child.js";
import type { Fleet } from "./fleet.js";
import type { Machine, Peaks } from "./machine.js";
import type { Runner, Workload } from "./workload.js";

/**
 * A check below this share of the best, before or after a sample, marks it as disturbed. Threads that share a core or
 * a throttled clock give half and less; work that was hard on memory alone leaves 0.8.
 */
const undisturbedShare = 0.75;

/** Training steps before the first sample: they make optimizer state and fill allocators. */
const warmUpSteps = 2;

/** A stopped process's threads may run on until their next interrupt. */
const stopMilliseconds = 2;

export interface EngineResult {
  label: string;
  /** Why there are no samples. */
  unavailable?: string;
  note?: string;
  median_ms?: number;
  spread_ms?: [number, number];
  samples?: number;
  disturbed?: number;
  /** Runs in a sample. */
  repeats?: number;
  gflop_s?: number;
  gb_s?: number;
  /** Of the measured peak: multiply-adds for gflop_s, memory reads for gb_s. */
  share?: number;
  tokens_s?: number;
  peak_mb?: number;
  losses?: number[];
  /** Largest difference from the first engine's results, and the largest result. */
  difference?: number;
  largest?: number;
  /** Every sample: milliseconds, and the lower of its two checks as a share of the best. */
  all?: [number, number][];
}

export interface WorkloadResult {
  kind: "workload";
  name: string;
  engines: EngineResult[];
  note?: string;
  /** Losses without dropout, by label. */
  lossCheck?: Record<string, number[]>;
  bytes?: number;
  /** The memory's GB/s, measured before each sample where the work is bound by it: median of the undisturbed. */
  read_gb_s?: number;
  seconds: number;
}

interface Sample {
  ms: number;
  /** The lower of the two checks, GFLOP/s. */
  check: number;
  /** GB/s of memory just before, where the work is bound by it. */
  read?: number;
}

interface Contestant {
  runner: Runner;
  child: Child;
  repeats: number;
  result: EngineResult;
  samples: Sample[];
}

export const labelOf = (runner: Runner): string => runner.label ?? runner.engine;

export interface MeasureOptions {
  samples: number;
  peaks: Peaks;
  machine: Machine;
  fleet: Fleet;
}

async function request<T>(child: Child, message: unknown): Promise<T> {
  const answer = await child.ask<Answer>(message);
  if ("error" in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer as T;
}

async function awake<T>(child: Child, work: () => Promise<T>): Promise<T> {
  child.wake();
  try {
    return await work();
  } finally {
    child.sleep();
    await setTimeout(stopMilliseconds);
  }
}

export async function measure(workload: Workload, options: MeasureOptions): Promise<WorkloadResult> {
  const started = performance.now();
  const lossCheck = workload.lossCheck && (await checkedLosses(workload.lossCheck, options));
  const contestants: Contestant[] = [];
  const engines: EngineResult[] = [];
  for (const runner of workload.runners) {
    const result: EngineResult = { label: labelOf(runner) };
    engines.push(result);
    const contestant = await enter(runner, result, workload, options.fleet);
    if (contestant) contestants.push(contestant);
  }
  for (let round = 0; round < options.samples; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(round + turn) % contestants.length];
      const read = workload.bytes ? await options.machine.read() : undefined;
      const taken = await sample(contestant, round, options.machine);
      contestant.samples.push({ ...taken, read });
    }
  }
  const best = bestChecks(contestants, workload, options.peaks);
  for (const contestant of contestants) finish(contestant, workload, best);
  if (workload.compareOutputs) await compareOutputs(contestants);
  if (workload.fresh) await options.fleet.closeAll();
  const { name, note, bytes } = workload;
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  return { kind: "workload", name, engines, note, lossCheck, bytes, read_gb_s: bytes && best.read, seconds };
}

async function enter(
  runner: Runner,
  result: EngineResult,
  workload: Workload,
  fleet: Fleet,
): Promise<Contestant | null> {
  try {
    const child = fleet.get(runner);
    const repeats = await awake(child, async () => {
      const load = { command: "load", task: runner.task, threads: fleet.threads };
      result.note = (await request<{ note?: string }>(child, load)).note;
      if (workload.steps) {
        for (let index = 0; index < warmUpSteps; index++) {
          await request(child, { command: "sample", repeats: 1, index });
        }
        return 1;
      }
      const first = await request<SampleAnswer>(child, { command: "sample", repeats: 1, index: 0 });
      return Math.max(1, Math.ceil((workload.leastMs ?? 40) / first.ms));
    });
    return { runner, child, repeats, result, samples: [] };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    result.unavailable = `${code ?? "ERROR"}: ${message}`;
    await fleet.close(runner);
    return null;
  }
}

async function sample(
  { child, repeats, result }: Contestant,
  index: number,
  machine: Machine,
): Promise<Sample> {
  const before = await machine.check();
  const { ms, loss } = await awake(child, () =>
    request<SampleAnswer>(child, { command: "sample", repeats, index }),
  );
  const after = await machine.check();
  if (loss !== undefined) result.losses = [...(result.losses ?? []), loss];
  return { ms, check: Math.min(before, after) };
}

/** What the machine gives when nobody disturbs it: GFLOP/s, GB/s. */
interface Best {
  fma: number;
  /** Of the vectors that the workload may use. */
  peak: number;
  read: number;
}

// The best check of the run; of the reads the median of those that are not far below the best.
function bestChecks(contestants: Contestant[], { narrow }: Workload, peaks: Peaks): Best {
  const all = contestants.flatMap(({ samples }) => samples);
  const reads = all.map(({ read }) => read ?? 0);
  const good = reads.filter((read) => read >= undisturbedShare * Math.max(...reads));
  const fma = Math.max(peaks.fma, ...all.map(({ check }) => check));
  const read = good.length > 0 ? summarise(good).median_ms : 0;
  return { fma, peak: narrow ? peaks.fma256 : fma, read };
}

// Samples of unequal work (training steps on ragged rows) are compared by the time for a real token.
function finish(
  { runner, result, samples, repeats, child }: Contestant,
  workload: Workload,
  best: Best,
): void {
  const { tokens } = workload;
  const perSample = Array.isArray(tokens) ? tokens : undefined;
  const mean = perSample ? perSample.reduce((a, b) => a + b, 0) / perSample.length : 1;
  const scaled = samples.map(({ ms, check, read }, i) => ({
    ms: perSample ? (ms * mean) / perSample[i % perSample.length] : ms,
    quiet: check >= undisturbedShare * best.fma && (read ?? best.read) >= undisturbedShare * best.read,
  }));
  const quiet = scaled.filter((s) => s.quiet).map((s) => s.ms);
  const used = quiet.length > 0 ? quiet : scaled.map((s) => s.ms);
  const { median_ms, spread_ms } = summarise(used);
  Object.assign(result, { median_ms, spread_ms, repeats });
  Object.assign(result, { samples: samples.length, disturbed: samples.length - quiet.length });
  Object.assign(result, rates(workload, typeOf(runner), median_ms, best));
  const count = perSample ? mean : (tokens as number | undefined);
  if (count) result.tokens_s = Math.round((count * 1000) / median_ms);
  const memory = workload.fresh ? child.peakMemory() : null;
  if (memory) result.peak_mb = Math.round(memory / 1e6);
  result.all = samples.map(({ ms, check }) => [short(ms), Number((check / best.fma).toFixed(3))]);
}

const short = (x: number): number => Number(x.toPrecision(4));

const typeOf = ({ task }: Runner): "f32" | "bf16" | "int8" => ("dtype" in task && task.dtype) || "f32";

const weightBytes = { f32: 4, bf16: 2, int8: 1 };

// The measured peak of arithmetic is that of float32.
function rates(
  { flops, bytes }: Workload,
  type: "f32" | "bf16" | "int8",
  ms: number,
  best: Best,
): Partial<EngineResult> {
  if (bytes) {
    const gb_s = (bytes * weightBytes[type]) / 4 / ms / 1e6;
    return { gb_s: short(gb_s), share: short(gb_s / best.read) };
  }
  if (!flops) return {};
  const gflop_s = flops / ms / 1e6;
  return { gflop_s: short(gflop_s), share: type === "f32" ? short(gflop_s / best.peak) : undefined };
}

async function compareOutputs(contestants: Contestant[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
  let reference: Float32Array | undefined;
  for (const { child, result } of contestants) {
    const file = join(folder, result.label.replaceAll(" ", "-"));
    await awake(child, () => request(child, { command: "output", file }));
    const bytes = readFileSync(file);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    reference ??= values;
    if (values.length !== reference.length) {
      result.difference = Number.POSITIVE_INFINITY;
      continue;
    }
    let [largest, difference] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
      difference = Math.max(difference, Math.abs(values[i] - reference[i]));
    }
    result.largest = Number(largest.toPrecision(3));
    result.difference = Number(difference.toPrecision(3));
  }
  rmSync(folder, { recursive: true });
}

async function checkedLosses(
  { runners, steps }: NonNullable<Workload["lossCheck"]>,
  { fleet }: MeasureOptions,
): Promise<Record<string, number[]>> {
  const losses: Record<string, number[]> = {};
  for (const runner of runners) {
    const child = fleet.get(runner);
    await awake(child, async () => {
      await request(child, { command: "load", task: runner.task, threads: fleet.threads });
      losses[labelOf(runner)] = [];
      for (let index = 0; index < steps; index++) {
        const { loss } = await request<SampleAnswer>(child, { command: "sample", repeats: 1, index });
        losses[labelOf(runner)].push(loss!);
      }
    });
    await fleet.closeAll();
  }
  return losses;
}
