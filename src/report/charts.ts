// The curves of a run as data for the plotting library.
import type { TrainEvent } from "../training/index.js";
import type { RunLog } from "./run-log.js";

/** Curves over the same axis. */
export interface Chart {
  title: string;
  /** What x is; default "step". */
  axis?: string;
  /** Ascending. */
  x: number[];
  series: {
    name: string /** One per x; null where there is none. */;
    y: (number | null)[];
    /** "only": without lines between them. */
    points?: boolean | "only";
  }[];
  logarithmic?: boolean;
  /** x on a logarithmic axis. */
  logarithmicX?: boolean;
}

// More points than a screen has columns only make the page large.
const MOST_POINTS = 1000;

/** Loss, metrics, learning rate, gradient norms: those that the log has. */
export function chartsOf({ steps, evaluations }: RunLog): Chart[] {
  const thin = thinned(steps);
  const charts = [lossChart(thin, evaluations), ...metricCharts(evaluations)];
  if (thin.length > 0) {
    const x = thin.map(({ step }) => step);
    const curve = (title: string, of: (event: TrainEvent) => number, logarithmic = false): Chart => {
      return {
        title,
        x,
        series: [{ name: title.toLowerCase(), y: thin.map((event) => finite(of(event))) }],
        logarithmic,
      };
    };
    charts.push(curve("Learning rate", ({ learningRate }) => learningRate));
    charts.push(curve("Gradient norm", ({ gradNorm }) => gradNorm, true));
  }
  return [...charts, ...layerChart(steps)];
}

function lossChart(steps: readonly TrainEvent[], evaluations: readonly TrainEvent[]): Chart {
  const losses = new Map(
    evaluations.flatMap(({ step, metrics }) => (metrics?.loss === undefined ? [] : [[step, metrics.loss]])),
  );
  const training = new Map(steps.map(({ step, loss }) => [step, loss]));
  const x = ascending([...training.keys(), ...losses.keys()]);
  const at = (values: Map<number, number>) => x.map((step) => finite(values.get(step)));
  const series = [{ name: "training", y: at(training) }];
  if (losses.size > 0)
    return { title: "Loss", x, series: [...series, { name: "evaluation", y: at(losses), points: true }] };
  return { title: "Loss", x, series };
}

/** Shares (0 to 1) on one chart, what is larger on one of its own each. */
function metricCharts(evaluations: readonly TrainEvent[]): Chart[] {
  const names = [...new Set(evaluations.flatMap(({ metrics = {} }) => Object.keys(metrics)))].filter(
    (name) => name !== "loss",
  );
  const x = evaluations.map(({ step }) => step);
  const values = (name: string) => evaluations.map(({ metrics }) => finite(metrics?.[name]));
  const isShare = (name: string) => values(name).every((value) => value === null || Math.abs(value) <= 1);
  const series = (name: string) => ({ name, y: values(name), points: true });
  // Scores of single classes (PER_f1) would hide those of all.
  const shares = names.filter((name) => isShare(name) && !/^[A-Z][\w-]*_/.test(name));
  const others = names.filter((name) => !isShare(name) && !/^[A-Z][\w-]*_|^missing_/.test(name));
  return [
    ...(shares.length > 0 ? [{ title: "Evaluation", x, series: shares.map(series) }] : []),
    ...others.map((name) => ({ title: `Evaluation: ${name}`, x, series: [series(name)] })),
  ];
}

function layerChart(steps: readonly TrainEvent[]): Chart[] {
  const logged = steps.filter(({ layerNorms }) => layerNorms !== undefined);
  const layers = [...new Set(logged.flatMap(({ layerNorms }) => Object.keys(layerNorms!)))];
  if (layers.length === 0) return [];
  const picked = everyFew(logged);
  const series = layers.map((name) => ({
    name,
    y: picked.map(({ layerNorms }) => finite(layerNorms![name])),
  }));
  return [{ title: "Gradient norm by layer", x: picked.map(({ step }) => step), series, logarithmic: true }];
}

/** Means over neighbouring steps where there are many; the step is the last of them. */
function thinned(steps: readonly TrainEvent[]): TrainEvent[] {
  const size = Math.ceil(steps.length / MOST_POINTS);
  if (size <= 1) return [...steps];
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => {
    const part = steps.slice(i * size, (i + 1) * size);
    // What is not finite is null in a log, and would count as 0.
    const mean = (of: (event: TrainEvent) => number) => {
      const values = part.map(of).filter(Number.isFinite);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    return {
      ...part[part.length - 1],
      loss: mean(({ loss }) => loss),
      gradNorm: mean(({ gradNorm }) => gradNorm),
    };
  });
}

function everyFew<T>(items: readonly T[]): T[] {
  const size = Math.ceil(items.length / MOST_POINTS);
  return items.filter((_, i) => i % size === size - 1 || i === items.length - 1);
}

function ascending(steps: readonly number[]): number[] {
  return [...new Set(steps)].sort((a, b) => a - b);
}

/** Four digits are more than a curve shows. */
function finite(value: number | null | undefined): number | null {
  return typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
}
