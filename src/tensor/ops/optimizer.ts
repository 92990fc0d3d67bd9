// One step of an optimizer over all its parameters: one command, so that a step is done whole or not at all.
// The classes AdamW and Sgd (src/training/optimizer.ts) keep the state and call these.
import { callOp, handleOf, requireInteger, requireNumber } from "../call.js";
import type { Tensor } from "../tensor.js";

/**
 * A parameter with its moments: leaves of one shape, f32, whole rows. All change in place. A bf16 parameter (on
 * CUDA) comes with its master weights, which are f32 too: they are updated, and the parameter becomes what they
 * round to.
 */
export interface AdamwParameter {
  parameter: Tensor;
  m: Tensor;
  v: Tensor;
  master?: Tensor | null;
  lr: number;
  weightDecay: number;
}

export interface AdamwOptions {
  beta1: number;
  beta2: number;
  eps: number;
  /** Number of this step, from 1. */
  step: number;
  /** Gradients are scaled so that their norm is at most this; 0: they are not. */
  maxNorm?: number;
}

/**
 * One step of AdamW, with the results of torch.optim.AdamW after torch.nn.utils.clip_grad_norm_. Reads each
 * parameter's `.grad`; parameters without one are passed over. When a gradient could not be computed the step
 * is skipped whole, and the next `ready()` rejects with the cause. A norm that is not finite changes nothing
 * of this: the parameters become what PyTorch would make of them.
 *
 * @returns the norm of all gradients before clipping, a scalar
 * @throws ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED
 * @example
 * const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1, maxNorm: 1 };
 * const norm = adamw([{ parameter: w, m, v, lr: 1e-3, weightDecay: 0 }], options);
 */
export function adamw(parameters: readonly AdamwParameter[], options: AdamwOptions): Tensor {
  const args = [
    requireNumber(options.beta1, "adamw", "beta1"),
    requireNumber(options.beta2, "adamw", "beta2"),
    requireNumber(options.eps, "adamw", "eps"),
    requireInteger(options.step, "adamw", "step", 1),
    requireNumber(options.maxNorm ?? 0, "adamw", "maxNorm"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    args.push(
      handleOf(p.parameter, "adamw", `parameters[${i}]`),
      handleOf(p.m, "adamw", `m[${i}]`),
      handleOf(p.v, "adamw", `v[${i}]`),
      p.master ? handleOf(p.master, "adamw", `master[${i}]`) : 0,
      requireNumber(p.lr, "adamw", `lr[${i}]`),
      requireNumber(p.weightDecay, "adamw", `weightDecay[${i}]`),
    );
  });
  return callOp("adamw", ...args);
}

/** A parameter with its momentum buffer, which is only needed with momentum; otherwise as `AdamwParameter`. */
export interface SgdParameter {
  parameter: Tensor;
  buffer?: Tensor | null;
  master?: Tensor | null;
  lr: number;
  weightDecay: number;
  /** The parameter's first step: the buffer starts as the gradient, whatever it held. */
  first: boolean;
}

export interface SgdOptions {
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  /** As AdamwOptions.maxNorm. */
  maxNorm?: number;
}

/**
 * One step of stochastic gradient descent, with the results of torch.optim.SGD after clip_grad_norm_;
 * otherwise as `adamw`. Nesterov needs a momentum and no dampening.
 *
 * @returns the norm of all gradients before clipping, a scalar
 * @throws ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED
 * @example
 * const norm = sgd([{ parameter: w, lr: 0.1, weightDecay: 0, first: true }], {});
 */
export function sgd(parameters: readonly SgdParameter[], options: SgdOptions): Tensor {
  const momentum = requireNumber(options.momentum ?? 0, "sgd", "momentum");
  const args = [
    momentum,
    requireNumber(options.dampening ?? 0, "sgd", "dampening"),
    +(options.nesterov ?? false),
    requireNumber(options.maxNorm ?? 0, "sgd", "maxNorm"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    args.push(
      handleOf(p.parameter, "sgd", `parameters[${i}]`),
      momentum === 0 ? 0 : handleOf(p.buffer as Tensor, "sgd", `buffer[${i}]`),
      p.master ? handleOf(p.master, "sgd", `master[${i}]`) : 0,
      requireNumber(p.lr, "sgd", `lr[${i}]`),
      requireNumber(p.weightDecay, "sgd", `weightDecay[${i}]`),
      +p.first,
    );
  });
  return callOp("sgd", ...args);
}
