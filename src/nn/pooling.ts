// From one vector per token to one per sequence: the pooling modes of sentence_transformers.models.Pooling. Sequences are
// ragged, so no mode has to leave out padding.
import { AthanorError } from "../errors.js";
import { mul } from "../tensor/ops/elementwise.js";
import { segmentReduce } from "../tensor/ops/segment.js";
import { cast, concat, gatherRows } from "../tensor/ops/shape.js";
import { type Tensor, tensor } from "../tensor/tensor.js";

/** In the order in which Sentence-Transformers lays several side by side where its config has a flag for each. */
export const poolingModes = ["cls", "max", "mean", "meanSqrtLen", "weightedMean", "lastToken"] as const;

/**
 * `cls`: the first token; `max`, `mean`: of every column; `meanSqrtLen`: the sum over √L; `weightedMean`: the token at
 * place i (from 1) counts i times (SGPT, Muennighoff 2022, arXiv:2202.08904, section 3.1); `lastToken`.
 */
export type PoolingMode = (typeof poolingModes)[number];

/** Which rows of the tokens are pooled. */
export interface PooledSequences {
  /** offsets[b] to offsets[b + 1] are the rows of sequence b. */
  bounds: Int32Array;
  /** i32 (B+1): the same. */
  offsets: Tensor;
  /** i32 (B) */
  firstRows: Tensor;
  /** How many tokens at the start of each sequence (a prompt) are left out. */
  skipped?: Int32Array;
}

/** Checked modes in the order given. @throws ERR_ARGUMENT for unknown ones, or none */
export function checkedModes(who: string, modes: unknown): PoolingMode[] {
  const list = Array.isArray(modes) ? modes : [modes];
  const unknown = list.find((mode) => !poolingModes.includes(mode));
  if (list.length > 0 && unknown === undefined) return [...list];
  const came = list.length === 0 ? "none" : String(unknown);
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${who}: pooling must be one or more of ${poolingModes.join(", ")}, got ${came}`,
  );
}

/**
 * hidden (T, C) to (B, modes·C): the modes side by side.
 *
 * @throws ERR_ARGUMENT when a sequence has nothing but tokens that are left out
 */
export function pool(hidden: Tensor, sequences: PooledSequences, modes: readonly PoolingMode[]): Tensor {
  const counted = countedRows(hidden, sequences);
  const parts = modes.map((mode) => pooled(mode, counted));
  return parts.length === 1 ? parts[0] : concat(parts, 1);
}

interface CountedRows extends PooledSequences {
  hidden: Tensor;
}

function countedRows(hidden: Tensor, sequences: PooledSequences): CountedRows {
  const { bounds, skipped } = sequences;
  if (!skipped?.some((count) => count > 0)) return { ...sequences, hidden, skipped: undefined };
  const rows: number[] = [];
  const kept = new Int32Array(bounds.length);
  for (let b = 0; b < skipped.length; b++) {
    if (bounds[b] + skipped[b] >= bounds[b + 1]) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `pooling: sequence ${b} must have tokens after its prompt, got none`,
      );
    }
    for (let row = bounds[b] + skipped[b]; row < bounds[b + 1]; row++) rows.push(row);
    kept[b + 1] = rows.length;
  }
  return {
    hidden: gatherRows(hidden, integers(rows, hidden)),
    offsets: integers(kept, hidden),
    firstRows: integers(kept.subarray(0, -1), hidden),
    bounds: kept,
    skipped,
  };
}

function pooled(mode: PoolingMode, { hidden, offsets, firstRows, bounds, skipped }: CountedRows): Tensor {
  switch (mode) {
    case "cls":
      return gatherRows(hidden, firstRows);
    case "lastToken":
      return gatherRows(
        hidden,
        integers(
          bounds.subarray(1).map((end) => end - 1),
          hidden,
        ),
      );
    case "weightedMean":
      return segmentReduce(mul(hidden, column(placeWeights(bounds, skipped), hidden)), offsets, "sum");
    case "meanSqrtLen": {
      const roots = Float32Array.from(bounds.subarray(1), (end, b) => Math.sqrt(end - bounds[b]));
      return mul(segmentReduce(hidden, offsets, "mean"), column(roots, hidden));
    }
    default:
      return segmentReduce(hidden, offsets, mode);
  }
}

/** The share of each counted row in its sequence's weighted mean. */
function placeWeights(bounds: Int32Array, skipped: Int32Array | undefined): Float32Array {
  const weights = new Float32Array(bounds[bounds.length - 1]);
  for (let b = 0; b + 1 < bounds.length; b++) {
    const [begin, end, first] = [bounds[b], bounds[b + 1], 1 + (skipped?.[b] ?? 0)];
    const count = end - begin;
    const total = count * first + (count * (count - 1)) / 2;
    for (let i = 0; i < count; i++) weights[begin + i] = (first + i) / total;
  }
  return weights;
}

function integers(values: Int32Array | readonly number[], { device }: Tensor): Tensor {
  return tensor(values, [values.length], { dtype: "i32", device: device as "cpu" });
}

/** (N, 1) on the device and in the dtype of another tensor. */
function column(values: Float32Array, { device, dtype }: Tensor): Tensor {
  return cast(tensor(values, [values.length, 1], { device: device as "cpu" }), dtype);
}
