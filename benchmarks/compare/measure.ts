// Measures a workload: engines take turns, and a calibration loop before and after each sample says whether the
// machine was disturbed meanwhile.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Answer, SampleAnswer } from "../engines/tasks.js";
import type { Child } from "./child.js";
import type { Fleet } from "./fleet.js";
import type { Machine, Peaks } from "./machine.js";
import type { EngineResult, WorkloadResult } from "./result.js";
import { bestOf, type Sample, summarised } from "./summary.js";
import type { Runner, Workload } from "./workload.js";

/** Training steps before the first sample: they make optimizer state and fill allocators. */
const warmUpSteps = 2;

/** A stopped process's threads may run on until their next interrupt. */
const stopMilliseconds = 2;

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
      if (contestant.result.unavailable === undefined) await takeTurn(contestant, round, workload, options);
    }
  }
  const remaining = contestants.filter(({ result }) => result.unavailable === undefined);
  const best = bestOf(
    remaining.flatMap(({ samples }) => samples),
    workload,
    options.peaks,
  );
  for (const { runner, child, samples, repeats, result } of remaining) {
    Object.assign(result, { repeats, ...summarised(samples, runner, workload, best) });
    const memory = workload.fresh ? child.peakMemory() : null;
    if (memory) result.peak_mb = Math.round(memory / 1e6);
  }
  if (workload.compareOutputs) await compareOutputs(remaining);
  if (workload.fresh) await options.fleet.closeAll();
  const { name, note } = workload;
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  return { kind: "workload", name, engines, note, lossCheck, seconds };
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
          record(result, await request<SampleAnswer>(child, { command: "sample", repeats: 1, index }));
        }
        return 1;
      }
      return repeatsFor(child, workload.leastMs ?? 40);
    });
    return { runner, child, repeats, result, samples: [] };
  } catch (error) {
    result.unavailable = describeError(error);
    await fleet.close(runner);
    return null;
  }
}

// A first run is slower than the others: it says how many to time for the second guess.
async function repeatsFor(child: Child, leastMs: number): Promise<number> {
  let repeats = 1;
  for (let guess = 0; guess < 2; guess++) {
    const { ms } = await request<SampleAnswer>(child, { command: "sample", repeats, index: 0 });
    if (repeats * ms > leastMs) break;
    repeats = Math.ceil(leastMs / ms);
  }
  return repeats;
}

// An engine that fails on the way (out of memory, say) drops out; the others go on.
async function takeTurn(
  contestant: Contestant,
  round: number,
  workload: Workload,
  { machine, fleet }: MeasureOptions,
): Promise<void> {
  try {
    const before = workload.bytes && (await machine.read());
    const taken = await sample(contestant, round, machine);
    const after = workload.bytes && (await machine.read());
    contestant.samples.push({ ...taken, reads: before && after ? [before, after] : undefined });
  } catch (error) {
    contestant.result.unavailable = describeError(error);
    await fleet.close(contestant.runner);
  }
}

async function sample(
  { child, repeats, result }: Contestant,
  index: number,
  machine: Machine,
): Promise<Sample> {
  const before = await machine.check();
  const answer = await awake(child, () =>
    request<SampleAnswer>(child, { command: "sample", repeats, index }),
  );
  const after = await machine.check();
  record(result, answer);
  return { ms: answer.ms, check: Math.min(before, after) };
}

function record(result: EngineResult, { loss }: SampleAnswer): void {
  if (loss !== undefined) result.losses = [...(result.losses ?? []), loss];
}

function describeError(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return `${code ?? "ERROR"}: ${message}`;
}

// Reports how far each engine's results are from the first one's.
async function compareOutputs(contestants: Contestant[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
  let reference: Float32Array | undefined;
  for (const { child, result } of contestants) {
    const file = join(folder, result.label.replaceAll(" ", "-"));
    await awake(child, () => request(child, { command: "output", file }));
    const bytes = readFileSync(file);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    reference ??= values;
    Object.assign(result, differenceOf(values, reference));
  }
  rmSync(folder, { recursive: true });
}

function differenceOf(values: Float32Array, reference: Float32Array): Partial<EngineResult> {
  if (values.length !== reference.length) {
    return { mismatch: `${values.length} results, not ${reference.length}` };
  }
  let [largest, difference] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return { mismatch: `result ${i} is ${values[i]}` };
    largest = Math.max(largest, Math.abs(values[i]));
    difference = Math.max(difference, Math.abs(values[i] - reference[i]));
  }
  return { largest: Number(largest.toPrecision(3)), difference: Number(difference.toPrecision(3)) };
}

// An engine that cannot has no losses here; the measurement says why.
async function checkedLosses(
  { runners, steps }: NonNullable<Workload["lossCheck"]>,
  { fleet }: MeasureOptions,
): Promise<Record<string, number[]>> {
  const losses: Record<string, number[]> = {};
  for (const runner of runners) {
    try {
      const child = fleet.get(runner);
      await awake(child, async () => {
        await request(child, { command: "load", task: runner.task, threads: fleet.threads });
        const found: number[] = [];
        for (let index = 0; index < steps; index++) {
          const { loss } = await request<SampleAnswer>(child, { command: "sample", repeats: 1, index });
          found.push(loss!);
        }
        losses[labelOf(runner)] = found;
      });
    } catch {}
    await fleet.closeAll();
  }
  return losses;
}
