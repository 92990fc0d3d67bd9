// One step of an optimizer over all its parameters: one command, so that a step is done whole or not at all.
// The classes AdamW, Sgd, Adagrad and RmsProp (src/training/optimizers/) keep the state and call these.
import { callOp, handleOf, requireInteger, requireNumber, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";

/**
 * A parameter and how it changes; what an optimizer adds to it are leaves of the same shape, f32, whole rows. All
 * change in place. A bf16 parameter (on CUDA) comes with its master weights, which are f32 too: they are updated,
 * and the parameter becomes what they round to.
 */
export interface UpdatedParameter {
  parameter: Tensor;
  master?: Tensor | null;
  lr: number;
  weightDecay: number;
}

/** A parameter with its moments. */
export interface AdamwParameter extends UpdatedParameter {
  m: Tensor;
  v: Tensor;
}

/** What concerns the gradients as a whole. */
export interface GradientOptions {
  /** Gradients are scaled so that their norm is at most this; 0: they are not. */
  maxNorm?: number;
  /** A norm that is infinite or NaN changes nothing at all. Default false: parameters become what PyTorch makes of them. */
  skipNotFinite?: boolean;
}

export interface AdamwOptions extends GradientOptions {
  beta1: number;
  beta2: number;
  eps: number;
  /** Number of this step, from 1. */
  step: number;
}

/**
 * One step of AdamW, with the results of torch.optim.AdamW after torch.nn.utils.clip_grad_norm_. Reads each
 * parameter's `.grad`; parameters without one are passed over. When a gradient could not be computed the step
 * is skipped whole, and the next `ready()` rejects with the cause. Where the norm is not finite the parameters
 * become what PyTorch would make of them, unless `skipNotFinite` says that nothing changes.
 *
 * @returns the norm of all gradients before clipping, a scalar
 * @throws ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED
 * @example
 * const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1, maxNorm: 1 };
 * const norm = adamw([{ parameter: w, m, v, lr: 1e-3, weightDecay: 0 }], options);
 */
export function adamw(parameters: readonly AdamwParameter[], options: AdamwOptions): Tensor {
  requireObject(options, "adamw");
  const args = [
    requireNumber(options.beta1, "adamw", "beta1"),
    requireNumber(options.beta2, "adamw", "beta2"),
    requireNumber(options.eps, "adamw", "eps"),
    requireInteger(options.step, "adamw", "step", 1),
    ...gradientArguments(options, "adamw"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    const states = [handleOf(p.m, "adamw", `m[${i}]`), handleOf(p.v, "adamw", `v[${i}]`)];
    args.push(...parameterArguments(p, states, "adamw", i));
  });
  return callOp("adamw", ...args);
}

/** A parameter with its momentum buffer, which is only needed with momentum. */
export interface SgdParameter extends UpdatedParameter {
  buffer?: Tensor | null;
  /** The parameter's first step: the buffer starts as the gradient, whatever it held. */
  first: boolean;
}

export interface SgdOptions extends GradientOptions {
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
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
  requireObject(options, "sgd");
  const momentum = requireNumber(options.momentum ?? 0, "sgd", "momentum");
  const args = [
    momentum,
    requireNumber(options.dampening ?? 0, "sgd", "dampening"),
    +(options.nesterov ?? false),
    ...gradientArguments(options, "sgd"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    const buffer = momentum === 0 ? 0 : handleOf(p.buffer as Tensor, "sgd", `buffer[${i}]`);
    args.push(...parameterArguments(p, [buffer], "sgd", i), +p.first);
  });
  return callOp("sgd", ...args);
}

/** A parameter with the sum of its gradients' squares. */
export interface AdagradParameter extends UpdatedParameter {
  sum: Tensor;
}

export interface AdagradOptions extends GradientOptions {
  eps: number;
}

/**
 * One step of Adagrad (Duchi et al. 2011) with the results of torch.optim.Adagrad after clip_grad_norm_; `lr` is that of
 * this step, after any decay. Otherwise as `adamw`.
 *
 * @returns the norm of all gradients before clipping, a scalar
 * @throws ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED
 * @example
 * const norm = adagrad([{ parameter: w, sum, lr: 0.01, weightDecay: 0 }], { eps: 1e-10 });
 */
export function adagrad(parameters: readonly AdagradParameter[], options: AdagradOptions): Tensor {
  requireObject(options, "adagrad");
  const args = [
    requireNumber(options.eps, "adagrad", "eps"),
    ...gradientArguments(options, "adagrad"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    args.push(...parameterArguments(p, [handleOf(p.sum, "adagrad", `sum[${i}]`)], "adagrad", i));
  });
  return callOp("adagrad", ...args);
}

/** A parameter with its running means; the buffer is only needed with momentum, `mean` only where it is centered. */
export interface RmspropParameter extends UpdatedParameter {
  /** Of the squares of gradients. */
  square: Tensor;
  buffer?: Tensor | null;
  /** Of gradients. */
  mean?: Tensor | null;
}

export interface RmspropOptions extends GradientOptions {
  alpha: number;
  eps: number;
  momentum?: number;
  centered?: boolean;
}

/**
 * One step of RMSProp (Tieleman and Hinton 2012; centered: Graves 2013, arXiv:1308.0850, section 4.2), with the results
 * of torch.optim.RMSprop after clip_grad_norm_; otherwise as `adamw`.
 *
 * @returns the norm of all gradients before clipping, a scalar
 * @throws ERR_ARGUMENT, ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED
 * @example
 * const norm = rmsprop([{ parameter: w, square, lr: 0.01, weightDecay: 0 }], { alpha: 0.99, eps: 1e-8 });
 */
export function rmsprop(parameters: readonly RmspropParameter[], options: RmspropOptions): Tensor {
  requireObject(options, "rmsprop");
  const { centered = false } = options;
  const momentum = requireNumber(options.momentum ?? 0, "rmsprop", "momentum");
  const args = [
    requireNumber(options.alpha, "rmsprop", "alpha"),
    requireNumber(options.eps, "rmsprop", "eps"),
    momentum,
    +centered,
    ...gradientArguments(options, "rmsprop"),
    parameters.length,
  ];
  parameters.forEach((p, i) => {
    const states = [
      handleOf(p.square, "rmsprop", `square[${i}]`),
      momentum === 0 ? 0 : handleOf(p.buffer as Tensor, "rmsprop", `buffer[${i}]`),
      centered ? handleOf(p.mean as Tensor, "rmsprop", `mean[${i}]`) : 0,
    ];
    args.push(...parameterArguments(p, states, "rmsprop", i));
  });
  return callOp("rmsprop", ...args);
}

function gradientArguments({ maxNorm = 0, skipNotFinite = false }: GradientOptions, op: string): number[] {
  return [requireNumber(maxNorm, op, "maxNorm"), +skipNotFinite];
}

function parameterArguments(p: UpdatedParameter, states: readonly number[], op: string, i: number): number[] {
  return [
    handleOf(p.parameter, op, `parameters[${i}]`),
    ...states,
    p.master ? handleOf(p.master, op, `master[${i}]`) : 0,
    requireNumber(p.lr, op, `lr[${i}]`),
    requireNumber(p.weightDecay, op, `weightDecay[${i}]`),
  ];
}
