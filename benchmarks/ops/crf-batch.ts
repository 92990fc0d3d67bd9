// The batch of the benchmarks of crf_nll and crf_decode.
import { type Tensor, tensor } from "../../src/tensor/tensor.js";

export function crfBatch(): { rows: number; tags: number; offsets: Tensor; labels: Tensor } {
  const tags = 13;
  const offsets = [0];
  for (let b = 0; b < 32; b++) offsets.push(offsets[b] + 8 + b);
  const rows = offsets[32];
  const integers = (values: number[]) => tensor(Int32Array.from(values), [values.length]);
  return {
    rows,
    tags,
    offsets: integers(offsets),
    labels: integers(Array.from({ length: rows }, (_, i) => (5 * i) % tags)),
  };
}
