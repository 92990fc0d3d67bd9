// From samples to medians and rates; samples of a disturbed machine are left out.
import { summarise } from "../support/runner.js";
import type { Peaks } from "./machine.js";
import type { EngineResult } from "./result.js";
import type { Runner, Workload } from "./workload.js";

/**
 * A check below this share of the best, before or after a sample, marks it as disturbed. Threads that share a core or
 * a throttled clock give half and less; work that was hard on memory alone leaves 0.8.
 */
const undisturbedShare = 0.75;

export interface Sample {
  ms: number;
  /** The lower of the two checks, GFLOP/s. */
  check: number;
  /** GB/s of memory before and after, where the work is bound by it. */
  reads?: [number, number];
}

/** What the machine gives when nobody disturbs it: GFLOP/s. */
export interface Best {
  fma: number;
  /** Of the vectors that the workload may use. */
  peak: number;
}

export function bestOf(all: Sample[], { narrow }: Workload, peaks: Peaks): Best {
  const fma = Math.max(peaks.fma, ...all.map(({ check }) => check));
  return { fma, peak: narrow ? peaks.fma256 : fma };
}

const meanOf = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

// Memory is shared with whoever else is on the host: its speed halves and doubles. A sample counts when it did not
// change meanwhile, and is compared with what it was just then.
function isQuiet({ check, reads }: Sample, best: Best): boolean {
  const steady = !reads || Math.min(...reads) >= undisturbedShare * Math.max(...reads);
  return steady && check >= undisturbedShare * best.fma;
}

/** Samples of unequal work (training steps on ragged rows) are compared by the time for a real token. */
export function summarised(
  samples: Sample[],
  runner: Runner,
  workload: Workload,
  best: Best,
): Partial<EngineResult> {
  const { tokens } = workload;
  const perSample = Array.isArray(tokens) ? tokens : undefined;
  const mean = perSample ? meanOf(perSample) : 1;
  const scaled = samples.map((sample, i) => ({
    ...sample,
    ms: perSample ? (sample.ms * mean) / perSample[i % perSample.length] : sample.ms,
  }));
  const quiet = scaled.filter((sample) => isQuiet(sample, best));
  const used = quiet.length > 0 ? quiet : scaled;
  const timing = summarise(used.map(({ ms }) => ms));
  const count = perSample ? mean : (tokens as number | undefined);
  return {
    ...timing,
    samples: samples.length,
    disturbed: samples.length - quiet.length,
    ...rates(workload, typeOf(runner), used, best),
    tokens_s: count && Math.round((count * 1000) / timing.median_ms),
    all: samples.map(({ ms, check }) => [short(ms), Number((check / best.fma).toFixed(3))]),
  };
}

const short = (x: number): number => Number(x.toPrecision(4));

const typeOf = ({ task }: Runner): "f32" | "bf16" | "int8" => ("dtype" in task && task.dtype) || "f32";

const weightBytes = { f32: 4, bf16: 2, int8: 1 };

const medianOf = (values: number[]): number => summarise(values).median_ms;

// The measured peak of arithmetic is that of float32.
function rates(
  { flops, bytes }: Workload,
  type: "f32" | "bf16" | "int8",
  used: Sample[],
  best: Best,
): Partial<EngineResult> {
  if (bytes) {
    const moved = (bytes * weightBytes[type]) / 4e6;
    return {
      gb_s: medianOf(used.map(({ ms }) => moved / ms)),
      share: medianOf(used.map(({ ms, reads }) => moved / ms / meanOf(reads!))),
      read_gb_s: medianOf(used.map(({ reads }) => meanOf(reads!))),
    };
  }
  if (!flops) return {};
  const gflop_s = flops / medianOf(used.map(({ ms }) => ms)) / 1e6;
  return { gflop_s: short(gflop_s), share: type === "f32" ? short(gflop_s / best.peak) : undefined };
}
