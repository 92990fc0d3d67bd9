// Gated activations. The arithmetic is in native/ops/gated_activation.
import { AthanorError } from "../../errors.js";
import { callOp, handleOf } from "../call.js";
import type { Tensor } from "../tensor.js";

// The numbers of Function in native/core/function.h.
const functions = { relu: 1, gelu: 2, gelu_tanh: 3, silu: 5, sigmoid: 7 } as const;

/** What a gated activation does to the gate. */
export type GatedActivation = keyof typeof functions;

/**
 * `activation(gate) * up`, where one linear layer made both side by side: gate is the first half of x's columns,
 * up the second. One pass reads the two halves where they lie, and one pass makes their gradients, side by side
 * again. Gradient for x.
 *
 * @param x (..., 2F), one to four dimensions, f32; a range of columns is read without a copy
 * @param activation relu, gelu (exact), gelu_tanh (T5 v1.1), silu (Llama) or sigmoid (the first GLU)
 * @returns (..., F)
 * @throws ERR_SHAPE for an odd number of columns, ERR_DTYPE, ERR_ARGUMENT, ERR_DISPOSED
 *
 * Source: Shazeer, "GLU Variants Improve Transformer", 2020.
 * @example
 * const h = ops.gatedActivation(ops.linear(x, gateAndUp), "silu"); // weight (2F, C): gate rows, then up rows
 */
export function gatedActivation(x: Tensor, activation: GatedActivation): Tensor {
  const op = "gated_activation";
  const handle = handleOf(x, op, "x");
  if (!Object.hasOwn(functions, activation)) {
    const names = Object.keys(functions).join(", ");
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${op}: activation must be one of ${names}, got ${String(activation)}`,
    );
  }
  return callOp(op, handle, functions[activation]);
}

/**
 * `gelu(gate) * up` with the exact GELU; see {@link gatedActivation}.
 * @example ops.gatedGelu(tensor([1, 3], [1, 2])); // [2.5240]
 */
export function gatedGelu(x: Tensor): Tensor {
  return gatedActivation(x, "gelu");
}

/**
 * `gelu(gate) * up` with GELU by tanh, T5 v1.1's "gated-gelu"; see {@link gatedActivation}.
 * @example ops.gatedGeluTanh(tensor([1, 3], [1, 2])); // [2.5236]
 */
export function gatedGeluTanh(x: Tensor): Tensor {
  return gatedActivation(x, "gelu_tanh");
}

/**
 * `silu(gate) * up`, Llama's SwiGLU; see {@link gatedActivation}.
 * @example ops.gatedSilu(tensor([1, 3], [1, 2])); // [2.1932]
 */
export function gatedSilu(x: Tensor): Tensor {
  return gatedActivation(x, "silu");
}

/**
 * `relu(gate) * up`; see {@link gatedActivation}.
 * @example ops.gatedRelu(tensor([1, 3], [1, 2])); // [3]
 */
export function gatedRelu(x: Tensor): Tensor {
  return gatedActivation(x, "relu");
}
