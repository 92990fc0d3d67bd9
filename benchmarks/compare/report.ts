// Results of a comparison as Markdown tables: each engine's times, then what was promised and whether it was met.
import type { Peaks } from "./machine.js";
import type { EngineResult, WorkloadResult } from "./measure.js";
import { type Target, targets } from "./targets.js";

/** The first line of a results file, and again for each time it was taken up. */
export interface RunLine {
  kind: "run";
  commit: string;
  date: string;
  cpu: string;
  cores: number;
  threads: number;
  node: string;
  samples: number;
  peaks: Peaks;
}

export type ResultLine = RunLine | WorkloadResult;

/** A promise and what came of it. */
export interface Verdict {
  target: Target;
  result: WorkloadResult;
  /** Undefined where an engine was not available. */
  ratio?: number;
  met?: boolean;
}

const milliseconds = (ms: number): string => (ms < 10 ? ms.toPrecision(3) : ms.toFixed(ms < 100 ? 1 : 0));

export function tableOf(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function measured(result: WorkloadResult, label: string): EngineResult | undefined {
  return result.engines.find((engine) => engine.label === label && engine.median_ms !== undefined);
}

function ratioOf(target: Target, result: WorkloadResult): number | undefined {
  const ours = measured(result, target.ours);
  if (!ours) return undefined;
  if (target.peer === "memory") {
    const { bytes, read_gb_s } = result;
    return bytes && read_gb_s ? bytes / 1e6 / read_gb_s / ours.median_ms! : undefined;
  }
  const peer = measured(result, target.peer);
  if (!peer) return undefined;
  if (target.memoryAtMost === undefined) return peer.median_ms! / ours.median_ms!;
  return ours.peak_mb && peer.peak_mb ? ours.peak_mb / peer.peak_mb : undefined;
}

/** Every promise that concerns a workload. */
export function verdictsOf(result: WorkloadResult): Verdict[] {
  return targets
    .filter(({ workloads }) => workloads.test(result.name))
    .map((target) => {
      const ratio = ratioOf(target, result);
      const { atLeast, memoryAtMost } = target;
      const met =
        ratio === undefined ? undefined : atLeast === undefined ? ratio <= memoryAtMost! : ratio >= atLeast;
      return { target, result, ratio, met };
    });
}

function verdictRow({ target, result, ratio, met }: Verdict): string[] {
  const { ours, peer, atLeast, memoryAtMost } = target;
  const against = peer === "memory" ? `memory at ${result.read_gb_s} GB/s` : peer;
  return [
    result.name,
    ours,
    memoryAtMost === undefined ? against : `${against}, peak memory`,
    ratio === undefined ? "-" : `${ratio.toFixed(2)}x`,
    memoryAtMost === undefined ? `>= ${atLeast}x` : `<= ${memoryAtMost}x`,
    met === undefined ? "not measured" : met ? "met" : "missed",
  ];
}

function rateOf({ gflop_s, gb_s, share, tokens_s }: EngineResult): string {
  const rates: string[] = [];
  if (gflop_s) rates.push(`${gflop_s.toFixed(0)} GFLOP/s`);
  if (gb_s) rates.push(`${gb_s.toFixed(1)} GB/s`);
  if (share) rates.push(`${(share * 100).toFixed(0)}% of peak`);
  if (tokens_s) rates.push(`${tokens_s} tokens/s`);
  return rates.join(", ");
}

// The peers' time over ours: above 1 ours is faster.
function engineRow(engine: EngineResult, result: WorkloadResult): string[] {
  const { label, unavailable, note, median_ms, spread_ms, samples, disturbed, peak_mb } = engine;
  if (unavailable !== undefined) return [result.name, label, `not available: ${unavailable}`, "", "", "", ""];
  const ours = measured(result, result.engines[0].label);
  const ratio = ours && ours !== engine ? `${(median_ms! / ours.median_ms!).toFixed(2)}x` : "";
  const remarks: string[] = [];
  if (engine.difference !== undefined && engine !== result.engines[0]) {
    remarks.push(`differs by ${engine.difference} of ${engine.largest}`);
  }
  if (engine.losses) {
    remarks.push(`loss ${engine.losses.at(-1)!.toFixed(4)} after ${engine.losses.length} steps`);
  }
  if (peak_mb) remarks.push(`peak memory ${peak_mb} MB`);
  if (note) remarks.push(note);
  const [low, high] = spread_ms!;
  return [
    result.name,
    label,
    milliseconds(median_ms!),
    `${milliseconds(low)} to ${milliseconds(high)}`,
    ratio,
    `${samples! - disturbed!} of ${samples}`,
    [rateOf(engine), ...remarks].filter(Boolean).join("; "),
  ];
}

function lossLines(result: WorkloadResult): string[] {
  if (!result.lossCheck) return [];
  const losses = Object.entries(result.lossCheck);
  const [, first] = losses[0];
  const worst = Math.max(
    ...losses.flatMap(([, values]) => values.map((value, i) => Math.abs(value - first[i]))),
  );
  const agree = worst <= 1e-3 ? "agree" : "DO NOT AGREE";
  const shown = losses.map(([label, values]) => `${label} ${values.map((v) => v.toFixed(5)).join(", ")}`);
  return [
    `- ${result.name}, dropout 0: losses ${agree} (largest difference ${worst.toExponential(1)}): ${shown.join("; ")}`,
  ];
}

/** The tables of one results file. */
export function comparisonReport(lines: ResultLine[]): string {
  const runs = lines.filter((line) => line.kind === "run");
  const last = new Map<string, WorkloadResult>(); // a later measurement replaces an earlier one
  for (const line of lines) if (line.kind === "workload") last.set(line.name, line);
  const results = [...last.values()];
  const verdicts = results.flatMap(verdictsOf);
  const met = verdicts.filter((verdict) => verdict.met).length;
  const missed = verdicts.filter((verdict) => verdict.met === false).length;
  const blocks = [describeRuns(runs)];
  if (verdicts.length > 0) {
    blocks.push(`Targets: ${met} met, ${missed} missed, ${verdicts.length - met - missed} not measured.`);
    blocks.push(tableOf(["what", "ours", "against", "ratio", "target", ""], verdicts.map(verdictRow)));
  }
  const rows = results.flatMap((result) => result.engines.map((engine) => engineRow(engine, result)));
  blocks.push(
    tableOf(["what", "engine", "median ms", "10% to 90%", "time / ours", "samples used", "remarks"], rows),
  );
  const notes = results.flatMap((result) => (result.note ? [`- ${result.name}: ${result.note}`] : []));
  const losses = results.flatMap(lossLines);
  if (notes.length + losses.length > 0) blocks.push([...notes, ...losses].join("\n"));
  return blocks.join("\n\n");
}

function describeRuns(runs: RunLine[]): string {
  const [{ cpu, cores, threads, node }] = runs;
  const distinct = (values: string[]) => [...new Set(values)].join(", ");
  const range = (key: keyof Peaks) => {
    const values = runs.map(({ peaks }) => peaks[key]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? `${low}` : `${low} to ${high}`;
  };
  return [
    `Commit ${distinct(runs.map((run) => run.commit))}; ${distinct(runs.map((run) => run.date.slice(0, 10)))};`,
    `${cpu}, ${cores} cores, ${threads} threads; Node ${node};`,
    `${distinct(runs.map((run) => String(run.samples)))} samples each.`,
    `Peaks measured in the same runs: ${range("fma1")} GFLOP/s on one thread, ${range("fma")} on ${threads},`,
    `${range("fma256")} with AVX2's vectors; memory ${range("read1")} and ${range("read")} GB/s.`,
  ].join("\n");
}
