// Products and table look-ups: linear, matmul, embedding.
import { AthanorError } from "../../errors.js";
import { callOp, callOpMany, handleOf, optionalHandle, requireInteger, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";

// The order of native/core/function.h.
const activations = ["none", "relu", "gelu", "gelu_tanh", "gelu_quick", "silu", "tanh", "sigmoid"] as const;

/** `gelu` is the exact one, `gelu_tanh` GPT-2's approximation, `gelu_quick` is x sigmoid(1.702 x). */
export type Activation = (typeof activations)[number];

// The order of WeightLayout in native/ops/linear/linear.h.
const layouts = ["out_in", "in_out"] as const;

/** How a weight is stored: `out_in` as torch.nn.Linear, `in_out` as GPT-2's Conv1D. */
export type WeightLayout = (typeof layouts)[number];

export interface LinearOptions {
  activation?: Activation;
  weightLayout?: WeightLayout;
  /** (..., out), f32, added last. */
  residual?: Tensor | null;
  /** (out), f32: what one unit of each row of an i8 weight stands for, as `quantizeRows` gives it. */
  weightScale?: Tensor | null;
}

/**
 * `activation(x weightᵀ + bias) + residual`, as torch.nn.functional.linear followed by the activation, in one
 * pass. Gradients for x, weight, bias and residual.
 *
 * Weights in bf16 and i8 are for inference. bf16 is widened, all arithmetic is fp32. With i8 every row of x is
 * rounded to 8 bits over its own range, as ONNX Runtime's dynamic quantisation does over the whole tensor; a row
 * that holds an infinity or a NaN becomes NaN. A weight that is used without recording gradients is kept in a
 * packed layout until it changes.
 *
 * @param x (..., in), one to four dimensions, f32; a range of columns is read without a copy
 * @param weight (out, in), or (in, out) with `weightLayout: "in_out"`; f32, bf16 or i8 (in at most 65536)
 * @param bias (out), or nothing
 * @returns (..., out)
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DISPOSED
 * @example
 * const y = ops.linear(tensor([1, 2], [1, 2]), tensor([3, 4, 5, 6], [2, 2])); // [[11, 17]]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null, options: LinearOptions = {}): Tensor {
  const {
    activation = "none",
    weightLayout = "out_in",
    residual,
    weightScale,
  } = requireObject(options, "linear");
  return callOp(
    "linear",
    handleOf(x, "linear", "x"),
    handleOf(weight, "linear", "weight"),
    optionalHandle(bias, "linear", "bias"),
    choice(activations, activation, "activation"),
    choice(layouts, weightLayout, "weightLayout"),
    optionalHandle(residual, "linear", "residual"),
    optionalHandle(weightScale, "linear", "weightScale"),
  );
}

/**
 * The rows of a weight as 8-bit integers, for `linear`: x is about `values * scale`, with `scale` the row's largest
 * magnitude / 127 and values from -127 to 127, rounded to nearest even. A row of zeros has scale 0. No gradient.
 *
 * @param x (rows, width), f32
 * @returns values (rows, width), i8, and scale (rows), f32
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED. A NaN or an infinity is ERR_DATA, found when the op runs.
 * @example
 * const { values, scale } = ops.quantizeRows(weight);
 * const y = ops.linear(x, values, bias, { weightScale: scale });
 */
export function quantizeRows(x: Tensor): { values: Tensor; scale: Tensor } {
  const [values, scale] = callOpMany("quantize_rows", handleOf(x, "quantize_rows", "x"));
  return { values, scale };
}

export interface MatmulOptions {
  /** a holds the transposes of what is multiplied: (..., K, M). */
  transposeA?: boolean;
  /** Likewise b: (..., N, K). */
  transposeB?: boolean;
}

/**
 * Matrix products, one for each index of the leading dimensions, which must be equal: nothing is broadcast.
 * Gradients for both.
 *
 * @param a (..., M, K), two to four dimensions, f32
 * @param b (..., K, N)
 * @returns (..., M, N)
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DISPOSED
 * @example
 * const scores = ops.matmul(q, k, { transposeB: true }); // (H, T, D) and (H, S, D) give (H, T, S)
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = requireObject(options, "matmul");
  return callOp("matmul", handleOf(a, "matmul", "a"), handleOf(b, "matmul", "b"), +transposeA, +transposeB);
}

/** One table of an embedding with the rows to take from it. */
export interface EmbeddingLookup {
  /** (V, C), f32. */
  table: Tensor;
  /** i32, up to three dimensions, each 0 to V - 1. */
  ids: Tensor;
  /** A row that is read like the others but whose gradient is zero, as torch.nn.Embedding's padding_idx. */
  paddingIdx?: number | null;
}

/**
 * The sum of one to three table rows for each id: BERT's word + position + type embeddings in one pass.
 * Gradients for the tables (dense, (V, C)).
 *
 * @param lookups tables of one width C, ids of one shape
 * @returns ids.shape + (C)
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT, ERR_DISPOSED. An id outside its table is ERR_DATA, found when
 *   the op runs: it comes from `data()` of the result.
 * @example
 * const x = ops.embedding([{ table: words, ids: inputIds }, { table: positions, ids: positionIds }]);
 */
export function embedding(lookups: readonly EmbeddingLookup[]): Tensor {
  if (!Array.isArray(lookups) || lookups.length < 1 || lookups.length > 3) {
    throw new AthanorError("ERR_ARGUMENT", "embedding: lookups must be an array of 1 to 3 { table, ids }");
  }
  const args: number[] = [];
  lookups.forEach(({ table, ids, paddingIdx }, i) => {
    const padding = paddingIdx ?? -1;
    args.push(
      handleOf(table, "embedding", `tables[${i}]`),
      handleOf(ids, "embedding", `ids[${i}]`),
      requireInteger(padding, "embedding", `paddingIdx[${i}]`, -1),
    );
  });
  return callOp("embedding", ...args);
}

function choice(names: readonly string[], value: string, name: string): number {
  const number = names.indexOf(value);
  if (number < 0) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `linear: ${name} must be one of ${names.join(", ")}, got ${String(value)}`,
    );
  }
  return number;
}
