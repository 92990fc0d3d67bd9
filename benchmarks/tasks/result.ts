// What a comparison gives: a line of JSON, and a row of the table.
import type { Cut } from "./workload.js";

export interface EngineFacts {
  engine: string;
  /** Of the first steps. */
  losses: number[];
  evalLoss?: number;
  metrics: Record<string, number>;
  secondsPerEpoch: number;
  /** Of each turn of so many steps. */
  turns: number[];
  peakMb: number | null;
}

export interface TaskResult {
  kind: "task";
  name: string;
  model: string;
  parameters: number;
  rows: { train: number; evaluate: number };
  examples: { train: number; evaluate: number };
  steps: number;
  epochs: number;
  tokens: number;
  metric: string;
  /** What the metric must reach where the training rows are learnt by heart. */
  atLeast?: number;
  /** How far apart the losses over the evaluation rows may be. */
  lossWithin?: number;
  /** Steps of a turn. */
  turnSteps: number;
  ours: EngineFacts;
  /** Absent without a Python. */
  torch?: EngineFacts;
  /** Largest difference of the losses over the first steps. */
  difference?: number;
  /** What was left out, to see that all works: not a measurement. */
  cut?: Cut;
}

/** How many losses are compared, and how far apart they may be. */
export const CURVE = { steps: 50, most: 1e-3 };

export const taskHeader = [
  ...["task", "rows", "steps", "loss curves differ by", "metric", "ours", "PyTorch"],
  ...["s per epoch, ours", "PyTorch", "time / ours", "peak MB, ours", "PyTorch"],
];

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** PyTorch's time over ours: the median of the turns, which alternate. */
export function speedRatio({ ours, torch }: TaskResult): number | undefined {
  return torch && median(torch.turns.map((seconds, i) => seconds / ours.turns[i]));
}

export function taskRow(result: TaskResult): string[] {
  const { name, examples, rows, steps, metric, atLeast, ours, torch, difference } = result;
  const value = (facts: EngineFacts | undefined) => facts?.metrics[metric]?.toFixed(4) ?? "-";
  const reached = atLeast === undefined || ours.metrics[metric] >= atLeast ? "" : ` (BELOW ${atLeast})`;
  const apart = difference === undefined ? "-" : difference.toExponential(1);
  const ratio = speedRatio(result);
  const more = examples.train === rows.train ? "" : ` (${examples.train} examples)`;
  return [
    ...[
      atLeast === undefined ? name : `${name}, by heart`,
      `${rows.train}${more}, ${rows.evaluate}`,
      String(steps),
    ],
    difference !== undefined && difference > CURVE.most ? `${apart} (MORE THAN ${CURVE.most})` : apart,
    ...[metric, `${value(ours)}${reached}`, value(torch)],
    ...[ours.secondsPerEpoch.toFixed(1), torch?.secondsPerEpoch.toFixed(1) ?? "-"],
    ...[ratio === undefined ? "-" : `${ratio.toFixed(2)}x`, shown(ours.peakMb), shown(torch?.peakMb)],
  ];
}

const shown = (value: number | null | undefined) => (value == null ? "-" : String(value));

/** What the table means, the curves' ends, and the losses over the evaluation rows. */
export function taskNotes(results: readonly TaskResult[]): string {
  const [{ ours, torch }] = results;
  const models = [...new Set(results.map(({ model }) => model))].join("; ");
  const about =
    `${models}, fresh weights from one file, dropout 0, the same batches in the same order (${ours.engine}` +
    `${torch ? `; ${torch.engine}` : ""}). Losses are compared over the first ${CURVE.steps} steps; "time / ours" is the ` +
    "median over turns, which alternate. Peak memory is that of the whole process.";
  const curves = results.map((result) => {
    const { name, ours, cut } = result;
    const end = both(result, ({ losses }) => losses.at(-1));
    const least = cut ? " (CUT SHORT)" : "";
    const curve = `loss ${ours.losses[0].toFixed(5)} at step 1, ${end} at step ${ours.losses.length}`;
    return `- ${name}${least}: ${curve}${evaluationLoss(result)}`;
  });
  return [about, "", ...curves].join("\n");
}

function both({ ours, torch }: TaskResult, value: (facts: EngineFacts) => number | undefined): string {
  const digits = (facts: EngineFacts) => value(facts)?.toFixed(5) ?? "-";
  return torch ? `ours ${digits(ours)}, PyTorch ${digits(torch)}` : `ours ${digits(ours)}`;
}

function evaluationLoss(result: TaskResult): string {
  const { ours, torch, lossWithin = Number.POSITIVE_INFINITY } = result;
  if (ours.evalLoss === undefined) return "";
  const apart = torch?.evalLoss === undefined ? 0 : Math.abs(ours.evalLoss - torch.evalLoss);
  const far = apart > lossWithin ? ` (MORE THAN ${lossWithin} APART)` : "";
  return `; over the evaluation rows ${both(result, ({ evalLoss }) => evalLoss)}${far}`;
}
