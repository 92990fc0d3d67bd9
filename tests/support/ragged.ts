// Padded arrays (B, L, ...) of the fixtures as ragged ones, and offsets.
import { type Tensor, tensor } from "../../src/tensor/tensor.js";

export const int32 = (values: ArrayLike<number>): Tensor => tensor(Int32Array.from(values), [values.length]);

/** 0, and the sums of the lengths. */
export function offsetsOf(lengths: ArrayLike<number>): number[] {
  const offsets = [0];
  for (const length of Array.from(lengths)) offsets.push(offsets[offsets.length - 1] + length);
  return offsets;
}

/** The first `lengths[b]` rows of each of the B padded sequences, one after another; rows of `width` numbers. */
export function ragged(data: ArrayLike<number>, lengths: ArrayLike<number>, width: number): number[] {
  const longest = data.length / (lengths.length * width);
  const rows: number[] = [];
  for (let b = 0; b < lengths.length; b++) {
    for (let i = 0; i < lengths[b] * width; i++) rows.push(data[b * longest * width + i]);
  }
  return rows;
}
