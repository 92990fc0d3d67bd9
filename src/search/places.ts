// Between the parameters of trials and the places that samplers reckon with.
import { type Dimension, isSameValue, type Parameters } from "./space.js";
import type { Trial } from "./trial.js";

/** Parameters in the order of the space, those whose condition holds; `choose` gives a place. */
export function chooseAll(
  dimensions: readonly Dimension[],
  choose: (dimension: Dimension) => number,
): Parameters {
  const chosen: Parameters = {};
  for (const dimension of dimensions) {
    if (!dimension.isActive(chosen)) continue;
    const place = choose(dimension);
    chosen[dimension.name] = dimension.kind === "choice" ? dimension.values[place] : dimension.valueAt(place);
  }
  return chosen;
}

/** Where trials tried a parameter; those in which it did not exist are left out. */
export function placesOf(dimension: Dimension, trials: readonly Trial[]): number[] {
  return trials.flatMap(({ parameters }) => {
    if (!Object.hasOwn(parameters, dimension.name)) return [];
    const value = parameters[dimension.name];
    if (dimension.kind === "number") return [dimension.placeOf(value as number)];
    return [dimension.values.findIndex((one) => isSameValue(one, value))];
  });
}
