// The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011,
// section 4): trials are split into a few good ones and the others, each parameter gets a density l over the good ones and a
// density g over the others, and of some candidates drawn from l the one with the largest l / g is taken, which is the
// one of largest expected improvement (section 4.1).
import type { Random } from "../tensor/random-stream.js";
import { type Density, parzenOfChoices, parzenOfNumbers } from "./parzen.js";
import { chooseAll, placesOf } from "./places.js";
import type { Dimension, Parameters } from "./space.js";
import type { Trial } from "./trial.js";

export interface TpeOptions {
  /** Trials at random before the first that is chosen; default 10. */
  startupTrials?: number;
  /** Candidates for each parameter; default 24. */
  candidates?: number;
}

// The paper has 15 %; a tenth was better in searches of a hundred trials (docs/log.md).
const GOOD_SHARE = 0.1;
const MOST_GOOD = 25;

/**
 * @param ranked all trials that are over, the best first. Those that were pruned or failed lie at the end, so that
 * their places are avoided.
 */
export function suggestByTpe(
  dimensions: readonly Dimension[],
  ranked: readonly Trial[],
  random: Random,
  candidates: number,
): Parameters {
  const count = Math.min(MOST_GOOD, Math.ceil(GOOD_SHARE * ranked.length));
  const [good, others] = [ranked.slice(0, count), ranked.slice(count)];
  return chooseAll(dimensions, (dimension) => {
    const likely = densityOf(dimension, good);
    const unlikely = densityOf(dimension, others);
    let best = { place: 0, gain: Number.NEGATIVE_INFINITY };
    for (let i = 0; i < candidates; i++) {
      const place = roundedPlace(dimension, likely.draw(random));
      const gain = likely.logDensity(place) - unlikely.logDensity(place);
      if (gain > best.gain) best = { place, gain };
    }
    return best.place;
  });
}

function densityOf(dimension: Dimension, trials: readonly Trial[]): Density {
  const places = placesOf(dimension, trials);
  return dimension.kind === "choice"
    ? parzenOfChoices(places, dimension)
    : parzenOfNumbers(places, dimension);
}

/** Whole numbers are compared where trials with them lie. */
function roundedPlace(dimension: Dimension, place: number): number {
  return dimension.kind === "choice" ? place : dimension.placeOf(dimension.valueAt(place));
}
