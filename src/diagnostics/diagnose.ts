// Why a run does not get on: what gradient, noise and curvature say together.

import {
  checkHessianOptions,
  type HessianEnds,
  type HessianOptions,
  type HessianSpectrum,
  hessianEnds,
  hessianVector,
} from "./hessian.js";
import { type GradientNoise, gradientStatistics, type LayerGradient } from "./noise.js";
import { diagnosticsFault, type Subject } from "./subject.js";
import { LossSurface } from "./surface.js";
import { dot, norm, scaled } from "./vectors.js";

export interface DiagnoseOptions extends HessianOptions {
  /** That of the run: with it too large a step can be seen. */
  learningRate?: number;
  /** Rows of the run's steps, to set the gradient's noise against; default: those of a batch. */
  batchSize?: number;
}

/**
 * - `step too large`: learningRate times the largest eigenvalue is above 2: gradient descent overshoots along it.
 * - `minimum`: no gradient to speak of, and no way down along the smallest curvature.
 * - `saddle point`: no gradient to speak of, and along the most negative curvature the loss falls.
 * - `plateau`: neither gradient nor curvature to speak of; or the noise of a step's gradient is so much larger than
 *   the gradient that steps lead nowhere.
 * - `slope`: there is a gradient to follow.
 */
export type Verdict = "step too large" | "minimum" | "saddle point" | "plateau" | "slope";

/** The loss along a direction of negative curvature. */
export interface Escape {
  /** The lowest loss that was found. */
  loss: number;
  /** How far away, in the norm of the parameters. */
  distance: number;
  fell: boolean;
}

export interface Diagnosis {
  verdict: Verdict;
  /** Why, in a sentence with the numbers. */
  reason: string;
  loss: number;
  /** Of the gradient over all batches. */
  gradientNorm: number;
  /** Undefined for fewer than three batches. */
  noise: GradientNoise | undefined;
  layers: LayerGradient[];
  hessian: HessianSpectrum;
  /** Where the smallest eigenvalue is negative beyond doubt and the gradient small. */
  escapeRoute: Escape | undefined;
  /**
   * The most that the loss would fall along the gradient, over no more than the weights' own size max(1, |w|), if its
   * curvature there stayed as it is.
   */
  expectedFall: number;
  /** How much the largest curvature changes the loss over the weights' own size. */
  curvatureReach: number;
}

// A fall of the loss by less than this share of itself is nothing to speak of ...
const LEAST_FALL = 1e-3;
// ... nor is one by this share of what curvature does: where the lowest loss is 0, any fall is large against it.
const LEAST_SHARE_OF_REACH = 1e-6;
// Curvature that over the weights' own size changes the loss by less than this share is none.
const FLAT = 0.01;
// Negative beyond doubt: against the largest eigenvalue, where float32 leaves some thousandths.
const NEGATIVE = 0.01;
// Of a mean loss in float32.
const ROUNDING = 1e-5;
// A step's gradient of which less than a fiftieth is signal (in squares) leads nowhere.
const LEAST_SIGNAL = 0.02;

/**
 * Looks at gradient, its noise, and both ends of the Hessian's spectrum, and says what a stalled run is at. The
 * parameters are the same bits afterwards.
 *
 * The limit of 2 is that of plain gradient descent; with momentum β it is 2 + 2β, and Adam scales each parameter by
 * itself, so that this says little of its learning rates. `minimum` means a local one, of the loss over these batches.
 *
 * Rejects as LossSurface.use() does, and with ERR_ARGUMENT for options out of range.
 *
 * @example
 * const { verdict, reason } = await diagnose(modelSubject({ model, examples }), { learningRate: 0.1 });
 */
export async function diagnose(subject: Subject, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { learningRate, batchSize } = options;
  checkHessianOptions(options);
  for (const [name, value] of Object.entries({ learningRate, batchSize })) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw diagnosticsFault(name, "above 0", value);
    }
  }
  return LossSurface.use(subject, options, (surface) => examine(surface, options));
}

async function examine(surface: LossSurface, options: DiagnoseOptions): Promise<Diagnosis> {
  const { gradient, norm: gradientNorm, loss, noise, layers } = await gradientStatistics(surface);
  const ends = await hessianEnds(surface, options);
  const { spectrum: hessian } = ends;
  const { rest, start } = surface;
  const size = Math.max(1, await norm(start, rest));
  const most = Math.max(...[hessian.largest[0], hessian.smallest].map(Math.abs));
  const curvatureReach = (most * size ** 2) / 2;
  const expectedFall = await fallAlong(surface, gradient, { size, step: hessian.step });
  const facts = { loss, gradientNorm, noise, layers, hessian, expectedFall, curvatureReach };
  const isNegative = -hessian.smallest > Math.max(NEGATIVE * most, 3 * hessian.residuals.smallest);
  const tried = isNegative && isStill(facts) && !isFlat(facts);
  const escapeRoute = tried ? await tryEscape(surface, ends, gradient, { loss, size }) : undefined;
  return { ...judged({ ...facts, escapeRoute }, options), ...facts, escapeRoute };
}

type Reach = Pick<Diagnosis, "loss" | "expectedFall" | "curvatureReach">;

function isStill({ loss, expectedFall, curvatureReach }: Reach): boolean {
  return expectedFall <= Math.max(LEAST_FALL * Math.abs(loss), LEAST_SHARE_OF_REACH * curvatureReach);
}

function isFlat({ loss, curvatureReach }: Reach): boolean {
  return curvatureReach <= FLAT * Math.abs(loss);
}

/** The quadratic model's largest fall along the gradient, within `size`. */
async function fallAlong(
  surface: LossSurface,
  gradient: Float64Array,
  { size, step }: { size: number; step: number },
): Promise<number> {
  const { rest } = surface;
  const length = await norm(gradient, rest);
  if (length === 0) return 0;
  const direction = await scaled(gradient, 1 / length, rest);
  const curvature = await dot(await hessianVector(surface, direction, step), direction, rest);
  if (curvature * size > length) return length ** 2 / (2 * curvature);
  return length * size - (curvature * size ** 2) / 2;
}

/** Both ways along the direction of most negative curvature, the gradient's way first, in growing steps. */
async function tryEscape(
  surface: LossSurface,
  { smallest: direction }: HessianEnds,
  gradient: Float64Array,
  { loss, size }: { loss: number; size: number },
): Promise<Escape> {
  const downhill = (await dot(gradient, direction, surface.rest)) > 0 ? -1 : 1;
  let best = { loss, distance: 0 };
  for (const side of [downhill, -downhill]) {
    for (let distance = size * 2 ** -12; distance <= size; distance *= 2) {
      await surface.place(direction, side * distance);
      const there = await surface.loss();
      if (there < best.loss) best = { loss: there, distance };
      else if (!(there <= loss + ROUNDING * Math.abs(loss))) break; // uphill, or not a number
    }
  }
  surface.restore();
  const fell = loss - best.loss > LEAST_FALL * Math.abs(loss);
  return { ...best, fell };
}

type Facts = Omit<Diagnosis, "verdict" | "reason">;

function judged(facts: Facts, options: DiagnoseOptions): Pick<Diagnosis, "verdict" | "reason"> {
  const { hessian, gradientNorm, noise, escapeRoute, loss } = facts;
  const { learningRate } = options;
  const [largest] = hessian.largest;
  const shown = (value: number) => Number(value.toPrecision(3));
  const still = `gradient norm ${shown(gradientNorm)}`;
  const range = `eigenvalues from ${shown(hessian.smallest)} to ${shown(largest)}`;
  if (learningRate !== undefined && learningRate * largest > 2) {
    const most = shown(2 / largest);
    const reason = `learning rate ${learningRate} times the largest eigenvalue ${shown(largest)} is ${shown(learningRate * largest)}, above 2; gradient descent needs one below ${most}`;
    return { verdict: "step too large", reason };
  }
  if (isStill(facts)) {
    if (escapeRoute?.fell) {
      const fell = `the loss falls from ${shown(loss)} to ${shown(escapeRoute.loss)} at a distance of ${shown(escapeRoute.distance)}`;
      return { verdict: "saddle point", reason: `${still}; ${range}; along the most negative one ${fell}` };
    }
    if (isFlat(facts)) {
      return { verdict: "plateau", reason: `${still}, and as good as no curvature: ${range}` };
    }
    const tried = escapeRoute ? "; the most negative one leads nowhere lower" : "";
    return { verdict: "minimum", reason: `${still}; ${range}${tried}` };
  }
  const [rows] = noise?.batchSizes ?? [1];
  const { batchSize = rows } = options;
  const signal = noise ? batchSize / (batchSize + noise.noiseScale) : 1;
  if (noise && signal < LEAST_SIGNAL) {
    const found = Number.isFinite(noise.noiseScale)
      ? `the gradient's noise scale is ${shown(noise.noiseScale)} rows`
      : "no gradient can be told from noise";
    const reason = `${found}; a step has ${batchSize} rows, and ${shown(100 * (1 - signal))} % of its squared gradient is noise`;
    return { verdict: "plateau", reason };
  }
  const fall = `the loss may fall by ${shown(facts.expectedFall)} along the gradient`;
  return { verdict: "slope", reason: `${still}: ${fall}; ${range}` };
}
