// Normalisation and dropout. The arithmetic is in native/ops/layer_norm (both norms) and native/ops/dropout.
import { callOp, callOpMany, handleOf, optionalHandle, requireNumber, requireObject } from "../call.js";
import { currentGenerator, type Generator } from "../random.js";
import type { Tensor } from "../tensor.js";

/** Options of both norms. */
export interface NormOptions {
  /** Added inside the square root; default 1e-5 in layerNorm (BERT uses 1e-12), 1e-6 in rmsNorm. */
  eps?: number;
  /** Same shape as x: y = norm(x + dropout(residual)). In a post-norm block this is the sublayer's output. */
  residual?: Tensor | null;
  /** Probability with which elements of the residual are dropped, 0 <= p < 1; default 0. */
  dropout?: number;
  /** Also return the sum x + dropout(residual), which a pre-norm block carries on. */
  returnSum?: boolean;
  /** Where the dropout mask comes from; default: that of the running module, or the default one. */
  generator?: Generator;
}

/** The two outputs with `returnSum`, both of x's shape. */
export interface NormAndSum {
  output: Tensor;
  sum: Tensor;
}

/** Four numbers that name one dropout mask; zeros draw nothing, so that a step without dropout moves no counter. */
export function dropoutArguments(
  probability: number,
  generator?: Generator,
): [seedLow: number, seedHigh: number, callLow: number, callHigh: number] {
  if (!(probability > 0)) return [0, 0, 0, 0];
  const { seedLow, seedHigh, callLow, callHigh } = (generator ?? currentGenerator()).nextCall();
  return [seedLow, seedHigh, callLow, callHigh];
}

/**
 * Layer normalisation over the last dimension, with the dropout and residual addition of a transformer block in
 * the same pass: `y = norm(x + dropout(residual)) * weight + bias`.
 *
 * x is f32 of any leading shape, (..., C); weight is (C), bias (C) or null. The variance is the biased one, and eps
 * stands inside the square root, as in `torch.nn.functional.layer_norm`. Gradients for x, residual, weight, bias.
 * With `returnSum` the result is `{ output, sum }`, both of x's shape.
 *
 * Throws ERR_SHAPE, ERR_DTYPE or ERR_ARGUMENT. Source: Ba, Kiros, Hinton, "Layer Normalization", 2016.
 *
 * @example
 * const y = layerNorm(tensor([1, 2, 3, 4], [2, 2]), tensor([1, 1], [2]), tensor([0, 0], [2])); // rows -1, 1
 */
export function layerNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: NormOptions & { returnSum: true },
): NormAndSum;
export function layerNorm(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options?: NormOptions & { returnSum?: false },
): Tensor;
export function layerNorm(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: NormOptions = {},
): Tensor | NormAndSum {
  return norm("layer_norm", x, weight, bias, { eps: 1e-5, ...requireObject(options, "layer_norm") });
}

/**
 * Root-mean-square normalisation over the last dimension: `y = s / sqrt(mean(s²) + eps) * weight` with
 * `s = x + dropout(residual)`; no mean, no bias. T5's and Llama's norm. Shapes, options, gradients and errors are
 * those of {@link layerNorm}.
 *
 * Source: Zhang, Sennrich, "Root Mean Square Layer Normalization", 2019; `torch.nn.functional.rms_norm`.
 *
 * @example
 * const y = rmsNorm(tensor([3, 4], [1, 2]), tensor([1, 1], [2])); // 0.8485, 1.1314
 */
export function rmsNorm(x: Tensor, weight: Tensor, options: NormOptions & { returnSum: true }): NormAndSum;
export function rmsNorm(x: Tensor, weight: Tensor, options?: NormOptions & { returnSum?: false }): Tensor;
export function rmsNorm(x: Tensor, weight: Tensor, options: NormOptions = {}): Tensor | NormAndSum {
  return norm("rms_norm", x, weight, null, { eps: 1e-6, ...requireObject(options, "rms_norm") });
}

function norm(
  op: "layer_norm" | "rms_norm",
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  { eps, residual, dropout: probability = 0, returnSum = false, generator }: NormOptions,
): Tensor | NormAndSum {
  const p = requireNumber(probability, op, "dropout");
  const results = callOpMany(
    op,
    handleOf(x, op, "x"),
    optionalHandle(residual, op, "residual"),
    handleOf(weight, op, "weight"),
    optionalHandle(bias, op, "bias"),
    requireNumber(eps, op, "eps"),
    p,
    ...dropoutArguments(residual ? p : 0, generator),
    returnSum ? 1 : 0,
  );
  return returnSum ? { output: results[0], sum: results[1] } : results[0];
}

/**
 * Dropout: each element of x (f32, any shape) becomes 0 with probability p, and x / (1 - p) otherwise. p = 0 gives
 * x itself as a view. Always drops: whether a module is training is the module's business. The mask is drawn from
 * the generator and recomputed for the gradient, never stored.
 *
 * Throws ERR_ARGUMENT unless 0 <= p < 1, ERR_DTYPE. Source: Srivastava et al., "Dropout", JMLR 2014.
 *
 * @example
 * const y = dropout(tensor([1, 2, 3, 4], [4]), 0.5); // some of 2, 4, 6, 8, the others 0
 */
export function dropout(x: Tensor, p: number, options: { generator?: Generator } = {}): Tensor {
  const op = "dropout";
  const { generator } = requireObject(options, op);
  const probability = requireNumber(p, op, "p");
  return callOp(op, handleOf(x, op, "x"), probability, ...dropoutArguments(probability, generator));
}
