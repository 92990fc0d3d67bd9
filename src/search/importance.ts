// How much each parameter mattered: PED-ANOVA (Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently Quantifying
// Hyperparameter Importance in Arbitrary Subspaces", IJCAI 2023): the Pearson divergence between where a parameter's good
// trials lie and where all of them lie. It sees each parameter alone; what two of them do only together it does not see.
import { Random } from "../tensor/random-stream.js";
import { placesOf } from "./places.js";
import { type Dimension, dimensionsOf, type NumberDimension, type SearchSpace } from "./space.js";
import { type Direction, rankTrials, type Trial } from "./trial.js";

const GOOD_SHARE = 0.25;
const GRID = 64;
const SHUFFLES = 200;

/**
 * The importance of each parameter, from 0, together 1 (all 0 where none can be told from chance).
 *
 * Of n trials the best quarter is compared with all of them, parameter by parameter. So few trials differ by chance, too:
 * the mean divergence of as many trials drawn at random (200 times) is taken off. Trials that were pruned or failed count
 * among the bad ones. Below some 20 trials the numbers say little; what a sampler hardly varied cannot show its
 * importance; a parameter with a condition is looked at where it existed, and weighted by the share of those trials.
 *
 * @example
 * const { learningRate } = parameterImportance(trials, space, "maximize");
 */
export function parameterImportance(
  trials: readonly Trial[],
  space: SearchSpace | readonly Dimension[],
  direction: Direction,
): Record<string, number> {
  const dimensions = Array.isArray(space) ? (space as Dimension[]) : dimensionsOf(space as SearchSpace);
  const ranked = rankTrials(trials, direction);
  const divergences = dimensions.map((dimension) => excessDivergence(dimension, ranked));
  const sum = divergences.reduce((total, divergence) => total + divergence, 0);
  return Object.fromEntries(dimensions.map(({ name }, i) => [name, sum > 0 ? divergences[i] / sum : 0]));
}

function excessDivergence(dimension: Dimension, ranked: readonly Trial[]): number {
  const places = placesOf(dimension, ranked); // still the best first
  const good = Math.ceil(GOOD_SHARE * places.length);
  if (places.length < 4 || new Set(places).size < 2) return 0;
  const kernels = kernelsOf(dimension, places, good);
  const all = meanOf(kernels);
  const found = divergence(meanOf(kernels.slice(0, good)), all);
  const random = new Random(0);
  let byChance = 0;
  for (let i = 0; i < SHUFFLES; i++) {
    bringForward(kernels, good, random);
    byChance += divergence(meanOf(kernels.slice(0, good)), all);
  }
  // A parameter that rarely exists rarely matters, and its few trials differ by chance.
  const share = places.length / ranked.length;
  return share * Math.max(0, found - byChance / SHUFFLES);
}

/** Puts some of the elements, drawn at random, before the others. */
function bringForward<T>(values: T[], count: number, random: Random): void {
  for (let i = 0; i < count; i++) {
    const other = i + random.below(values.length - i);
    [values[i], values[other]] = [values[other], values[i]];
  }
}

/** For each trial what it adds to the density at each point of a grid, or at each value of a choice. */
function kernelsOf(dimension: Dimension, places: readonly number[], good: number): Float64Array[] {
  if (dimension.kind === "choice") {
    return places.map((place) => Float64Array.from(dimension.values, (_, i) => (i === place ? 1 : 0)));
  }
  const width = bandwidth(dimension, places, good);
  const step = (dimension.high - dimension.low) / GRID;
  return places.map((place) => {
    const kernel = new Float64Array(GRID);
    for (let i = 0; i < GRID; i++) {
      const distance = (dimension.low + (i + 0.5) * step - place) / width;
      kernel[i] = Math.exp(-0.5 * distance * distance);
    }
    const mass = kernel.reduce((sum, value) => sum + value, 0);
    return kernel.map((value) => value / mass);
  });
}

/** Scott's rule for as many places as are good; the same for both densities, or their smoothing would differ. */
function bandwidth({ low, high }: NumberDimension, places: readonly number[], good: number): number {
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length;
  const variance = places.reduce((sum, place) => sum + (place - mean) ** 2, 0) / places.length;
  return Math.max(1.06 * Math.sqrt(variance) * good ** -0.2, (high - low) / GRID);
}

function meanOf(kernels: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(kernels[0].length);
  for (const kernel of kernels) {
    for (let point = 0; point < mean.length; point++) mean[point] += kernel[point] / kernels.length;
  }
  return mean;
}

/** The sum of (good - all)^2 / all; both have mass 1. */
function divergence(good: Float64Array, all: Float64Array): number {
  return all.reduce((sum, density, i) => (density > 0 ? sum + (good[i] - density) ** 2 / density : sum), 0);
}
