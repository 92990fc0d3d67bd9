// How much gradients of batches differ, against their mean: the gradient noise scale.
import { layerNameOf } from "../training/layer-norms.js";
import { diagnosticsFault, type Subject } from "./subject.js";
import { LossSurface, type SurfaceOptions } from "./surface.js";
import { addScaled, dot, norm, type Vector } from "./vectors.js";

/** An estimate with its standard error. */
export interface Estimate {
  value: number;
  /** By the jackknife over batches. */
  standardError: number;
}

export interface GradientNoise {
  /**
   * B = tr(Σ) / |G|², in rows: with batches much smaller a step is mostly noise, with much larger ones rows are
   * wasted. Infinity where no gradient can be told from noise.
   */
  noiseScale: number;
  /** |G|²: the squared norm of the gradient over all data. */
  squaredNorm: Estimate;
  /** tr(Σ): the sum of the variances of one row's gradient. */
  trace: Estimate;
  /** Rows of the two sizes of batches. */
  batchSizes: [small: number, big: number];
}

export interface LayerGradient {
  /** A layer, or a part outside of the layers: "encoder.layer.0", "classifier". */
  name: string;
  /** Of the gradient. */
  norm: number;
  /** Of the weights. */
  weightNorm: number;
  parameters: number;
}

/** All that one pass over the gradients of batches gives. */
export interface GradientStatistics {
  loss: number;
  gradient: Float64Array;
  norm: number;
  /** Undefined where there are fewer than three full batches. */
  noise: GradientNoise | undefined;
  layers: LayerGradient[];
}

/**
 * The gradient noise scale (McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.1): from
 * the squared norms of gradients of two sizes of batches, |G|² and tr(Σ) are estimated without bias. The small size is
 * the subject's, the big one is all of its full batches together; smaller batches are left out.
 *
 * Rejects with ERR_ARGUMENT for fewer than three full batches, and as LossSurface.use() does.
 *
 * @example
 * const { noiseScale } = await gradientNoise(modelSubject({ model, examples, batchSize: 8 }));
 */
export async function gradientNoise(subject: Subject, options: SurfaceOptions = {}): Promise<GradientNoise> {
  return LossSurface.use(subject, options, async (surface) => {
    const { noise } = await gradientStatistics(surface);
    if (noise) return noise;
    throw diagnosticsFault("batches", "at least 3 of full size", fullBatches(subject).batches.length);
  });
}

/**
 * The norm of the gradient of the mean loss, layer by layer, in the order of the parameters. Rejects as
 * LossSurface.use() does.
 */
export async function gradientNorms(
  subject: Subject,
  options: SurfaceOptions = {},
): Promise<LayerGradient[]> {
  return LossSurface.use(subject, options, async (surface) => {
    const { gradient } = await surface.gradient();
    return layersOf(surface, gradient);
  });
}

export async function gradientStatistics(surface: LossSurface): Promise<GradientStatistics> {
  const { rest, subject } = surface;
  const { batches: full, size: batchSize } = fullBatches(subject);
  const squares: number[] = [];
  const mean = new Float64Array(surface.size);
  const { loss, gradient } = await surface.gradient(async (own, batch) => {
    if (!full.includes(batch)) return;
    squares.push(await dot(own, own, rest));
    await addScaled(mean, 1 / full.length, own, rest);
  });
  const length = await norm(gradient, rest);
  const found = { loss, gradient, norm: length, layers: await layersOf(surface, gradient) };
  if (full.length < 3) return { ...found, noise: undefined };
  // A second pass, for the jackknife: products of each gradient with the mean.
  const products: number[] = [];
  for (const batch of full) {
    products.push(await dot((await surface.batchGradient(batch)).gradient, mean, rest));
  }
  return { ...found, noise: noiseOf(squares, products, await dot(mean, mean, rest), batchSize) };
}

/** Those with the most rows. */
function fullBatches({ batches, rows = new Array<number>(batches).fill(1) }: Subject) {
  const size = Math.max(...rows);
  return { size, batches: rows.flatMap((count, batch) => (count === size ? [batch] : [])) };
}

/**
 * @param squares squared norms of the gradients of batches
 * @param products of these gradients with their mean
 * @param total the squared norm of the mean
 */
function noiseOf(
  squares: readonly number[],
  products: readonly number[],
  total: number,
  batchSize: number,
): GradientNoise {
  const count = squares.length;
  const sum = squares.reduce((all, square) => all + square, 0);
  const { squaredNorm, trace } = unbiased(sum / count, total, count, batchSize);
  const without = squares.map((square, i) => {
    const others = count - 1;
    const rest = (count * count * total - 2 * count * products[i] + square) / others ** 2;
    return unbiased((sum - square) / others, rest, others, batchSize);
  });
  return {
    noiseScale: squaredNorm > 0 ? Math.max(0, trace) / squaredNorm : Number.POSITIVE_INFINITY,
    squaredNorm: { value: squaredNorm, standardError: jackknife(without.map((one) => one.squaredNorm)) },
    trace: { value: trace, standardError: jackknife(without.map((one) => one.trace)) },
    batchSizes: [batchSize, count * batchSize],
  };
}

/** Equations A.2 and A.3, with one big batch of all the small ones. */
function unbiased(small: number, big: number, count: number, batchSize: number) {
  const bigSize = count * batchSize;
  return {
    squaredNorm: (bigSize * big - batchSize * small) / (bigSize - batchSize),
    trace: (small - big) / (1 / batchSize - 1 / bigSize),
  };
}

/** The standard error of an estimate, from those without one observation each. */
function jackknife(without: readonly number[]): number {
  const count = without.length;
  const mean = without.reduce((sum, value) => sum + value, 0) / count;
  return Math.sqrt(((count - 1) / count) * without.reduce((sum, value) => sum + (value - mean) ** 2, 0));
}

async function layersOf(surface: LossSurface, gradient: Vector): Promise<LayerGradient[]> {
  const { parts, start, rest } = surface;
  const layers = new Map<string, { square: number; weightSquare: number; parameters: number }>();
  for (const { name, offset, size } of parts) {
    const layer = layers.get(layerNameOf(name)) ?? { square: 0, weightSquare: 0, parameters: 0 };
    layers.set(layerNameOf(name), layer);
    const [own, weights] = [gradient, start].map((vector) => vector.subarray(offset, offset + size));
    layer.square += await dot(own, own, rest);
    layer.weightSquare += await dot(weights, weights, rest);
    layer.parameters += size;
  }
  return [...layers].map(([name, { square, weightSquare, parameters }]) => {
    return { name, norm: Math.sqrt(square), weightNorm: Math.sqrt(weightSquare), parameters };
  });
}
