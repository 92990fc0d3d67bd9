// All combinations of some values of each parameter.
import { type Dimension, type Parameters, type ParameterValue, searchFault } from "./space.js";

interface GridLine {
  dimension: Dimension;
  values: readonly ParameterValue[];
}

/** The last parameter changes fastest. @throws ERR_ARGUMENT for a range without points */
export function gridOf(dimensions: readonly Dimension[]): Parameters[] {
  return [...combinations(dimensions.map((dimension) => ({ dimension, values: gridValues(dimension) })))];
}

/** A parameter whose condition does not hold takes no part. */
function* combinations(lines: readonly GridLine[], chosen: Parameters = {}): Generator<Parameters> {
  if (lines.length === 0) {
    yield chosen;
    return;
  }
  const [{ dimension, values }, ...rest] = lines;
  if (!dimension.isActive(chosen)) {
    yield* combinations(rest, chosen);
    return;
  }
  for (const value of values) yield* combinations(rest, { ...chosen, [dimension.name]: value });
}

/** Evenly spaced on the parameter's line. */
function gridValues(dimension: Dimension): readonly ParameterValue[] {
  if (dimension.kind === "choice") return dimension.values;
  const { name, spec, placeOf, valueAt } = dimension;
  const { low, high, points } = spec;
  if (points === undefined) {
    if (spec.type !== "integer") throw searchFault(`${name}.points`, "given for a grid", "none");
    return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  }
  const [first, last] = [placeOf(low), placeOf(high)];
  const places = Array.from({ length: points }, (_, i) => first + ((last - first) * i) / (points - 1));
  return [...new Set(places.map(valueAt))];
}
