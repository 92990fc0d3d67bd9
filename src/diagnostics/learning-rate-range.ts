// The learning-rate range test (Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3): a short run in
// which the learning rate grows step by step, here by a constant factor.
import type { Tensor } from "../tensor/tensor.js";
import { AdamW } from "../training/optimizers/adamw.js";
import type { Optimizer } from "../training/optimizers/optimizer.js";
import { diagnosticsFault, type Subject } from "./subject.js";
import { LossSurface, type SurfaceOptions } from "./surface.js";

export interface LearningRateRangeOptions extends SurfaceOptions {
  /** The first learning rate; default 1e-7. */
  low?: number;
  /** The last one, unless the loss grows before; default 1. */
  high?: number;
  /** Default 100. The batches take turns. */
  steps?: number;
  /** Makes the optimizer, with any learning rate; default AdamW. */
  optimizer?: (parameters: Map<string, Tensor>) => Optimizer;
  /** Clips the gradients' norm; default 1, Infinity for none. */
  maxGradNorm?: number;
}

export interface LearningRateStep {
  learningRate: number;
  /** Before the step. */
  loss: number;
  /** A mean over neighbouring steps. */
  smoothed: number;
}

export interface LearningRateRange {
  steps: LearningRateStep[];
  /** Where the smoothed loss fell fastest with the logarithm of the learning rate: a first choice. */
  steepest: number;
  /** Where the smoothed loss was lowest: too large for a whole run, mostly by some 3 to 10 times. */
  lowest: number;
  /** Where the run ended: the loss, over a round of the batches, had become 4 times its best, or was not finite. */
  diverged?: number;
}

const DIVERGED = 4;
// Batches differ: losses are compared over a round of them, or so many.
const MOST_RECENT = 10;
// To either side; none at the ends.
const NEIGHBOURS = 3;

/**
 * Trains with growing learning rates, dropout on, and puts the parameters back.
 *
 * Rejects with ERR_ARGUMENT for bounds in the wrong order, and as LossSurface.use() does.
 *
 * @example
 * const { steepest } = await learningRateRange(modelSubject({ model, examples }), { low: 1e-6, high: 1e-1 });
 */
export async function learningRateRange(
  subject: Subject,
  options: LearningRateRangeOptions = {},
): Promise<LearningRateRange> {
  const { low = 1e-7, high = 1, steps = 100, maxGradNorm = 1 } = options;
  if (!(low > 0 && low < high && Number.isFinite(high))) {
    throw diagnosticsFault("low", "above 0 and below high", `${low} and ${high}`);
  }
  if (!Number.isSafeInteger(steps) || steps < 3)
    throw diagnosticsFault("steps", "a whole number from 3", steps);
  if (!(maxGradNorm > 0)) throw diagnosticsFault("maxGradNorm", "above 0", maxGradNorm);
  return LossSurface.use(subject, options, (surface) => run(surface, options, { low, high, steps }), "train");
}

async function run(
  surface: LossSurface,
  { optimizer: make = defaultOptimizer, maxGradNorm = 1 }: LearningRateRangeOptions,
  { low, high, steps }: { low: number; high: number; steps: number },
): Promise<LearningRateRange> {
  const optimizer = make(new Map(surface.parts.map(({ name, tensor }) => [name, tensor])));
  const limit = Number.isFinite(maxGradNorm) ? { maxGradNorm } : {};
  const seen: { learningRate: number; loss: number }[] = [];
  let best = Number.POSITIVE_INFINITY;
  let diverged: number | undefined;
  try {
    for (let step = 0; step < steps; step++) {
      const learningRate = low * (high / low) ** (step / (steps - 1));
      const { loss: value } = await surface.enqueueGradient(step % surface.subject.batches);
      optimizer.lr = learningRate;
      optimizer.step({ ...limit, skipNotFinite: true }).gradNorm.dispose();
      optimizer.zeroGrad();
      const loss = await value;
      const mean = recentMean([...seen.map((one) => one.loss), loss], surface.subject.batches);
      if (!Number.isFinite(loss) || mean > DIVERGED * Math.abs(best)) {
        diverged = learningRate;
        break;
      }
      if (step + 1 >= Math.min(surface.subject.batches, MOST_RECENT)) best = Math.min(best, mean);
      seen.push({ learningRate, loss });
    }
  } finally {
    optimizer.dispose();
  }
  if (seen.length < 3) throw diagnosticsFault("low", "small enough for three steps", low);
  return { ...summaryOf(smooth(seen)), ...(diverged !== undefined && { diverged }) };
}

function recentMean(losses: readonly number[], batches: number): number {
  const recent = losses.slice(-Math.min(batches, MOST_RECENT));
  return recent.reduce((sum, loss) => sum + loss, 0) / recent.length;
}

function defaultOptimizer(parameters: Map<string, Tensor>): Optimizer {
  return new AdamW(parameters, { lr: 0 });
}

function smooth(seen: readonly { learningRate: number; loss: number }[]): LearningRateStep[] {
  return seen.map((one, i) => {
    const reach = Math.min(NEIGHBOURS, i, seen.length - 1 - i);
    const near = seen.slice(i - reach, i + reach + 1);
    return { ...one, smoothed: near.reduce((sum, { loss }) => sum + loss, 0) / near.length };
  });
}

/** Learning rates are evenly spaced on their logarithm, so that differences are slopes. */
function summaryOf(steps: LearningRateStep[]): LearningRateRange {
  const losses = steps.map(({ smoothed }) => smoothed);
  const at = losses.indexOf(Math.min(...losses));
  let steepest = Math.min(at, 1);
  for (let i = 1; i <= at; i++) if (fall(losses, i) > fall(losses, steepest)) steepest = i;
  return { steps, steepest: steps[steepest].learningRate, lowest: steps[at].learningRate };
}

function fall(losses: readonly number[], i: number): number {
  return (losses[i - 1] ?? losses[i]) - losses[i];
}
