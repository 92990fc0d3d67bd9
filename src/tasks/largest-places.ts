// The largest of many values, where few are wanted.

/** The places of the `count` largest values, largest first; of equal values the earlier place comes first. */
export function largestPlaces(values: ArrayLike<number>, count: number): number[] {
  const best: number[] = [];
  for (let place = 0; place < values.length; place++) {
    if (best.length === count && !(values[place] > values[best[count - 1]])) continue;
    const rank = best.findIndex((other) => values[place] > values[other]);
    best.splice(rank === -1 ? best.length : rank, 0, place);
    if (best.length > count) best.pop();
  }
  return best;
}
