// Densities of one parameter, estimated from the places where it was tried (adaptive Parzen estimator: Bergstra et al.,
// "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4.2).
import type { Random } from "../tensor/random-stream.js";
import type { ChoiceDimension, NumberDimension } from "./space.js";

const { abs, cos, exp, log, max, min, PI, sqrt, SQRT2 } = Math;

/** A density that can be drawn from. */
export interface Density {
  draw(random: Random): number;
  logDensity(place: number): number;
}

/** A standard normal number (Box-Muller). */
export function normalNumber(random: Random): number {
  const radius = sqrt(-2 * log(1 - random.uniform()));
  return radius * cos(2 * PI * random.uniform());
}

/** The distribution function of the standard normal, within 1.5e-7 (Abramowitz & Stegun, 7.1.26). */
export function normalBelow(x: number): number {
  const z = abs(x) / SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * polynomial * exp(-z * z);
  return x < 0 ? tail : 1 - tail;
}

/** A normal density that is cut off outside of a range. */
export class TruncatedNormal {
  readonly #logScale: number;

  constructor(
    private readonly mean: number,
    private readonly deviation: number,
    private readonly low: number,
    private readonly high: number,
  ) {
    const inside = normalBelow((high - mean) / deviation) - normalBelow((low - mean) / deviation);
    this.#logScale = -log(deviation * sqrt(2 * PI) * inside);
  }

  logDensity(place: number): number {
    return this.#logScale - 0.5 * ((place - this.mean) / this.deviation) ** 2;
  }

  /** By rejection: a mean inside of the range is hit at least every fourth time. */
  draw(random: Random): number {
    for (;;) {
      const place = this.mean + this.deviation * normalNumber(random);
      if (place >= this.low && place <= this.high) return place;
    }
  }
}

/**
 * A mixture of a broad normal over the whole range (the prior) and one normal for each place, whose deviation is the
 * distance to the farther of its neighbours, kept between a share of the range that shrinks with their number, and all of it.
 */
export function parzenOfNumbers(places: readonly number[], { low, high }: NumberDimension): Density {
  const range = high - low;
  const middle = (low + high) / 2;
  const means = [...places, middle].sort((a, b) => a - b);
  const least = range / min(100, 1 + means.length);
  const priorAt = means.indexOf(middle);
  const parts = means.map((mean, i) => {
    const left = mean - (means[i - 1] ?? low);
    const right = (means[i + 1] ?? high) - mean;
    const deviation = i === priorAt ? range : min(range, max(least, left, right));
    return new TruncatedNormal(mean, deviation, low, high);
  });
  return {
    draw: (random) => parts[random.below(parts.length)].draw(random),
    logDensity: (place) => logMean(parts.map((part) => part.logDensity(place))),
  };
}

/** Each value as often as it was tried, and once more (the prior). */
export function parzenOfChoices(tried: readonly number[], { values }: ChoiceDimension): Density {
  const weights = values.map(() => 1);
  for (const index of tried) weights[index]++;
  const total = tried.length + values.length;
  return {
    draw: (random) => {
      let rest = random.uniform() * total;
      const found = weights.findIndex((weight) => {
        rest -= weight;
        return rest < 0;
      });
      return found < 0 ? values.length - 1 : found;
    },
    logDensity: (index) => log(weights[index] / total),
  };
}

/** The logarithm of the mean of exponentials. */
export function logMean(logs: readonly number[]): number {
  const most = max(...logs);
  return most + log(logs.reduce((sum, one) => sum + exp(one - most), 0) / logs.length);
}
