// Results as Markdown: what was promised and whether it was met, each engine's times, our own benchmarks.
import type { Peaks } from "./compare/machine.js";
import type { EngineResult, WorkloadResult } from "./compare/result.js";
import { type Target, targets } from "./compare/targets.js";
import type { RunLine } from "./support/run-line.js";
import { type TaskResult, taskHeader, taskNotes, taskRow } from "./tasks/result.js";

/** A line of one of our own benchmarks: what benchmarks/support/runner.ts prints. */
export interface BenchLine {
  kind: "bench";
  /** GROUP/NAME of the program. */
  program: string;
  op?: string;
  variant?: string;
  shape?: number[];
  median_ms?: number;
  spread_ms?: [number, number];
  gb_s?: number;
  gflop_s?: number;
  tokens_s?: number;
  share?: number;
  speedup?: number;
  baseline?: { name: string };
  loss?: number;
  /** Time beside plain fine-tuning. */
  of_plain?: number;
  peak_bytes?: number;
}

/** A line of a program that measures its peers itself (tokenizers, metrics, data), as it printed it. */
export interface PeerLine {
  kind: "peers";
  program: string;
  [fact: string]: unknown;
}

export type ResultLine = RunLine | WorkloadResult | BenchLine | PeerLine | TaskResult;

/** A promise and what came of it. */
export interface Verdict {
  target: Target;
  result: WorkloadResult;
  /** Undefined where an engine was not available, or every sample disturbed. */
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

/** Whether any sample was taken while nobody disturbed the machine. */
const trusted = ({ samples, disturbed }: EngineResult): boolean => samples! > disturbed!;

function ratioOf(target: Target, result: WorkloadResult): number | undefined {
  const ours = measured(result, target.ours);
  if (!ours || !trusted(ours)) return undefined;
  if (target.peer === "memory") return ours.gb_s && ours.share;
  const peer = measured(result, target.peer);
  if (!peer || !trusted(peer)) return undefined;
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
  const against = peer === "memory" ? `memory at ${measured(result, ours)?.read_gb_s} GB/s` : peer;
  return [
    result.name,
    ours,
    memoryAtMost === undefined ? against : `${against}, peak memory`,
    ratio === undefined ? "-" : `${ratio.toFixed(2)}x`,
    memoryAtMost === undefined ? `>= ${atLeast}x` : `<= ${memoryAtMost}x`,
    met === undefined ? "not measured" : met ? "met" : "missed",
  ];
}

function rateOf({ gflop_s, gb_s, share, tokens_s }: EngineResult | BenchLine): string {
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
  if (engine.mismatch) remarks.push(`RESULTS DIFFER: ${engine.mismatch}`);
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
  if (losses.length < 2) return [];
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

function comparison(results: WorkloadResult[]): string[] {
  const verdicts = results.flatMap(verdictsOf);
  const met = verdicts.filter((verdict) => verdict.met).length;
  const missed = verdicts.filter((verdict) => verdict.met === false).length;
  const blocks: string[] = [];
  if (verdicts.length > 0) {
    const open = verdicts.length - met - missed;
    blocks.push(`Targets: ${met} met, ${missed} missed, ${open} not measured.`);
    blocks.push(tableOf(["what", "ours", "against", "ratio", "target", "met?"], verdicts.map(verdictRow)));
  }
  const rows = results.flatMap((result) => result.engines.map((engine) => engineRow(engine, result)));
  blocks.push(
    tableOf(["what", "engine", "median ms", "10% to 90%", "time / ours", "samples used", "remarks"], rows),
  );
  const notes = results.flatMap((result) => (result.note ? [`- ${result.name}: ${result.note}`] : []));
  const losses = results.flatMap(lossLines);
  if (notes.length + losses.length > 0) blocks.push([...notes, ...losses].join("\n"));
  return blocks;
}

function benchRow(line: BenchLine): string[] {
  const { program, op, variant, shape, median_ms, spread_ms, speedup, baseline, loss } = line;
  const remarks = [rateOf(line)];
  if (speedup) remarks.push(`${Number(speedup.toPrecision(3))}x ${baseline?.name}`);
  if (line.of_plain) remarks.push(`${line.of_plain}x the time of plain fine-tuning`);
  if (line.peak_bytes) remarks.push(`tensors ${(line.peak_bytes / 1e6).toFixed(0)} MB`);
  if (loss !== undefined) remarks.push(`loss ${loss.toFixed(4)}`);
  const time = median_ms === undefined ? "" : milliseconds(median_ms);
  const spread = spread_ms ? spread_ms.map(milliseconds).join(" to ") : "";
  const what = [op, variant].filter(Boolean).join(", ");
  return [program, what, shape?.join("x") ?? "", time, spread, remarks.filter(Boolean).join("; ")];
}

/** The last line of each name: a later measurement replaces an earlier one. */
function latest<T>(lines: T[], nameOf: (line: T) => string): T[] {
  return [...new Map(lines.map((line) => [nameOf(line), line])).values()];
}

/** One results file. */
export function report(lines: ResultLine[]): string {
  const blocks = [describeRuns(lines.filter((line) => line.kind === "run"))];
  const results = latest(
    lines.filter((line) => line.kind === "workload"),
    ({ name }) => name,
  );
  if (results.length > 0) blocks.push(...comparison(results));
  const tasks = latest(
    lines.filter((line) => line.kind === "task"),
    ({ name }) => name,
  );
  if (tasks.length > 0) blocks.push(tableOf(taskHeader, tasks.map(taskRow)), taskNotes(tasks));
  const benches = latest(
    lines.filter((line) => line.kind === "bench"),
    ({ program, op, variant, shape }) => JSON.stringify([program, op, variant, shape]),
  );
  if (benches.length > 0) {
    blocks.push(
      tableOf(["program", "what", "shape", "median ms", "10% to 90%", "remarks"], benches.map(benchRow)),
    );
  }
  const peers = lines.filter((line) => line.kind === "peers");
  if (peers.length > 0) {
    blocks.push(plainList(peers.map(({ kind, program, ...facts }) => ({ benchmark: program, ...facts }))));
  }
  return blocks.join("\n\n");
}

// Files from before results had kinds: each line a measurement with what it says of itself.
function plainList(lines: Record<string, unknown>[]): string {
  const shown = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return lines
    .map(({ benchmark, op, ...rest }) => {
      const facts = Object.entries(rest).map(([key, value]) => `${key} ${shown(value)}`);
      return `- **${benchmark ?? op}**: ${facts.join(", ")}`;
    })
    .join("\n");
}

/** benchmarks/RESULTS.md of files named by date: newest first. */
export function resultsPage(files: { name: string; text: string }[]): string {
  const sections = files
    .toSorted((a, b) => (a.name < b.name ? 1 : -1))
    .map(({ name, text }) => {
      const lines = text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      return `## ${name}\n\n${lines[0]?.kind === "run" ? report(lines) : plainList(lines)}\n`;
    });
  return `# Results\n\nMade by \`npm run bench:report\` from \`results/\`.\n\n${sections.join("\n")}`;
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
    ...(runs.some(({ samples }) => samples > 0)
      ? [`${distinct(runs.map((run) => String(run.samples)))} samples each.`]
      : []),
    `Peaks measured in the same runs: ${range("fma1")} GFLOP/s on one thread, ${range("fma")} on ${threads},`,
    `${range("fma256")} with AVX2's vectors; memory ${range("read1")} and ${range("read")} GB/s.`,
  ].join("\n");
}
