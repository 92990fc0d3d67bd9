// AdamW and SGD: the state that the ops adamw and sgd (src/tensor/ops/optimizer.ts) change in place. A step
// is one command for all parameters; it is done whole or, when a gradient failed, not at all.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { masterOf } from "../nn/parameter.js";
import { adamw, sgd } from "../tensor/ops/optimizer.js";
import { handles, type Tensor } from "../tensor/tensor.js";
import {
  isBiasOrNorm,
  type NamedParameters,
  type OptimizedParameter,
  optimizedParameters,
  type ParameterGroup,
} from "./parameter-groups.js";
import {
  type FileTarget,
  fillTensors,
  readTensorTable,
  requireFit,
  writeTensors,
  zerosLike,
} from "./tensor-files.js";

/** Options that all optimizers share. */
export interface OptimizerOptions {
  /** Learning rate, from 0. */
  lr: number;
  /** From 0; default 0. */
  weightDecay?: number;
  /** Parameters without weight decay; default: biases and norms, as in Transformers' Trainer. */
  noDecay?: (name: string) => boolean;
}

export interface AdamWOptions extends OptimizerOptions {
  /** Each from 0 to below 1; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  eps?: number;
}

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  momentum?: number;
  /** Default 0. */
  dampening?: number;
  /** Default false. */
  nesterov?: boolean;
}

export interface StepOptions {
  /** Gradients are scaled so that the norm of them all is at most this. Default: they are not. */
  maxGradNorm?: number;
}

export interface StepResult {
  /** f32 (): the norm of all gradients before clipping. Belongs to the caller's scope. */
  gradNorm: Tensor;
}

type State = Record<string, Tensor>;

abstract class Optimizer {
  protected readonly parameters: OptimizedParameter[];
  /** State tensors by parameter, made at the first step that has a gradient for it. */
  protected readonly states = new Map<string, State>();
  /** The parts of a state, as they are called in files. */
  protected abstract readonly stateNames: readonly string[];
  #lr: number;
  #steps = 0;

  constructor(
    private readonly who: string,
    parameters: NamedParameters | readonly ParameterGroup[],
    options: OptimizerOptions,
  ) {
    if (typeof options !== "object" || options === null) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${who}: options must be an object with lr, got ${String(options)}`,
      );
    }
    this.#lr = checkedRate(who, options.lr);
    const { weightDecay = 0, noDecay = isBiasOrNorm } = options;
    this.parameters = optimizedParameters(parameters, { who, lr: this.#lr, weightDecay, noDecay });
  }

  /** The learning rate of the next step; groups with a rate of their own follow in proportion. */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    this.#lr = checkedRate(this.who, value);
  }

  /** Steps made so far; the bias correction of AdamW counts them. A step that was skipped counts too. */
  get steps(): number {
    return this.#steps;
  }

  /** The weight decay that each parameter gets, by name. */
  weightDecays(): Map<string, number> {
    return new Map(this.parameters.map(({ name, weightDecay }) => [name, weightDecay]));
  }

  /**
   * Changes every parameter that has a gradient, in one command. When a gradient could not be computed
   * nothing changes, and the next `ready()` rejects with the cause. Gradients stay: call zeroGrad().
   *
   * @throws ERR_ARGUMENT, ERR_DISPOSED
   * @example
   * const { gradNorm } = optimizer.step({ maxGradNorm: 1 });
   */
  step(options: StepOptions = {}): StepResult {
    const { maxGradNorm } = options;
    if (maxGradNorm !== undefined && !(maxGradNorm > 0)) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${this.who}: maxGradNorm must be above 0, got ${String(maxGradNorm)}`,
      );
    }
    const ready: OptimizedParameter[] = [];
    const started = new Set<string>();
    for (const parameter of this.parameters) {
      if (!this.states.has(parameter.name)) {
        if (!this.#hasGradient(parameter)) continue;
        this.states.set(parameter.name, this.makeState(parameter.tensor));
        started.add(parameter.name);
      }
      ready.push(parameter);
    }
    const gradNorm = this.update(ready, started, this.#steps + 1, maxGradNorm ?? 0);
    this.#steps++;
    return { gradNorm };
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    const list = this.parameters.map(({ name, tensor }) => handles.require(tensor, "zeroGrad", name));
    getEngine().native.clearGradients(Float64Array.from(list));
  }

  /**
   * Writes the state as safetensors, by parameter name; the old file stays if anything fails. Await it before
   * the next step. Rejects with ERR_CHECKPOINT.
   */
  async save(file: string): Promise<void> {
    const tensors: [string, Tensor][] = [];
    for (const [name, state] of this.states) {
      for (const part of this.stateNames) tensors.push([`${name}.${part}`, state[part]]);
    }
    await writeTensors(file, tensors, { format: "pt", optimizer: this.who, step: String(this.#steps) });
  }

  /**
   * Reads what save() wrote; a file that does not fit changes nothing.
   *
   * Rejects with ERR_CHECKPOINT for another optimizer's file, unknown parameters, other shapes.
   */
  async load(file: string): Promise<void> {
    const { metadata, entries } = await readTensorTable(file);
    const fault = (needed: string, came: unknown) =>
      new AthanorError("ERR_CHECKPOINT", `${file}: needs ${needed}, got ${String(came)}`);
    const kind = metadata.get("optimizer");
    if (kind !== this.who) throw fault(`the state of ${this.who}`, kind ?? "no optimizer's");
    const steps = Number(metadata.get("step") ?? Number.NaN);
    if (!Number.isSafeInteger(steps) || steps < 0) throw fault("a step from 0", metadata.get("step"));
    const wanted = this.parameters.filter(({ name }) => entries.has(`${name}.${this.stateNames[0]}`));
    if (entries.size !== wanted.length * this.stateNames.length) {
      const known = new Set(wanted.flatMap(({ name }) => this.stateNames.map((part) => `${name}.${part}`)));
      const odd = [...entries.keys()].find((name) => !known.has(name)) ?? "too few tensors";
      throw fault(`${this.stateNames.join(" and ")} of parameters of this optimizer`, odd);
    }
    for (const { name, tensor } of wanted) {
      for (const part of this.stateNames) {
        const full = `${name}.${part}`;
        const stored = entries.get(full);
        if (!stored) throw fault(full, "none");
        requireFit(file, full, stored, tensor.shape);
      }
    }
    const fresh = new Map(wanted.map(({ name, tensor }) => [name, this.makeState(tensor)]));
    const targets: FileTarget[] = [];
    for (const [name, state] of fresh) {
      for (const part of this.stateNames) {
        targets.push({ file, begin: entries.get(`${name}.${part}`)!.begin, target: state[part] });
      }
    }
    try {
      await fillTensors(targets);
    } catch (error) {
      for (const state of fresh.values()) disposeState(state);
      throw error;
    }
    this.dispose();
    for (const [name, state] of fresh) this.states.set(name, state);
    this.#steps = steps;
  }

  /** Frees the state; the parameters are not the optimizer's. The next step starts with fresh state. */
  dispose(): void {
    for (const state of this.states.values()) disposeState(state);
    this.states.clear();
    this.#steps = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  protected makeState(parameter: Tensor): State {
    const values = masterOf(parameter) ?? parameter;
    return Object.fromEntries(this.stateNames.map((part) => [part, zerosLike(values)]));
  }

  protected abstract update(
    parameters: OptimizedParameter[],
    started: ReadonlySet<string>,
    step: number,
    maxNorm: number,
  ): Tensor;

  #hasGradient({ name, tensor }: OptimizedParameter): boolean {
    const { native } = getEngine();
    const handle = native.gradient(handles.require(tensor, this.who, name));
    if (handle !== 0) native.release(handle);
    return handle !== 0;
  }
}

/**
 * AdamW (Loshchilov and Hutter 2019), with the results of torch.optim.AdamW. State: NAME.exp_avg,
 * NAME.exp_avg_sq.
 *
 * @example
 * const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
 * loss.backward();
 * optimizer.step({ maxGradNorm: 1 });
 * optimizer.zeroGrad();
 */
export class AdamW extends Optimizer {
  protected readonly stateNames = ["exp_avg", "exp_avg_sq"];
  readonly #betas: readonly [number, number];
  readonly #eps: number;

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: AdamWOptions) {
    super("AdamW", parameters, options);
    const { betas = [0.9, 0.999], eps = 1e-8 } = options;
    const fault = (name: string, needed: string, came: unknown) =>
      new AthanorError("ERR_ARGUMENT", `AdamW: ${name} must be ${needed}, got ${String(came)}`);
    if (betas.length !== 2 || betas.some((beta) => !(beta >= 0 && beta < 1))) {
      throw fault("betas", "two numbers from 0 to below 1", betas);
    }
    if (!(eps >= 0)) throw fault("eps", "a number from 0", eps);
    this.#betas = [betas[0], betas[1]];
    this.#eps = eps;
  }

  protected update(list: OptimizedParameter[], _: unknown, step: number, maxNorm: number): Tensor {
    const slots = list.map(({ name, tensor, lrRatio, weightDecay }) => {
      const state = this.states.get(name)!;
      const [m, v] = [state.exp_avg, state.exp_avg_sq];
      const master = masterOf(tensor);
      return { parameter: tensor, m, v, master, lr: this.lr * lrRatio, weightDecay };
    });
    const [beta1, beta2] = this.#betas;
    return adamw(slots, { beta1, beta2, eps: this.#eps, step, maxNorm });
  }
}

/**
 * Stochastic gradient descent, with the results of torch.optim.SGD. State, with momentum:
 * NAME.momentum_buffer.
 *
 * @example
 * const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
 */
export class Sgd extends Optimizer {
  protected readonly stateNames: readonly string[];
  readonly #options: { momentum: number; dampening: number; nesterov: boolean };

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: SgdOptions) {
    super("Sgd", parameters, options);
    const { momentum = 0, dampening = 0, nesterov = false } = options;
    const fault = (name: string, came: unknown) =>
      new AthanorError("ERR_ARGUMENT", `Sgd: ${name} must be a number from 0, got ${String(came)}`);
    if (!(momentum >= 0)) throw fault("momentum", momentum);
    if (!(dampening >= 0)) throw fault("dampening", dampening);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new AthanorError("ERR_ARGUMENT", "Sgd: nesterov must come with a momentum and without dampening");
    }
    this.#options = { momentum, dampening, nesterov };
    this.stateNames = momentum === 0 ? [] : ["momentum_buffer"];
  }

  protected update(
    list: OptimizedParameter[],
    started: ReadonlySet<string>,
    _: number,
    maxNorm: number,
  ): Tensor {
    const slots = list.map(({ name, tensor, lrRatio, weightDecay }) => ({
      parameter: tensor,
      buffer: this.states.get(name)?.momentum_buffer,
      master: masterOf(tensor),
      lr: this.lr * lrRatio,
      weightDecay,
      first: started.has(name),
    }));
    return sgd(slots, { ...this.#options, maxNorm });
  }
}

function disposeState(state: State): void {
  for (const tensor of Object.values(state)) tensor.dispose();
}

function checkedRate(who: string, lr: unknown): number {
  if (typeof lr === "number" && Number.isFinite(lr) && lr >= 0) return lr;
  throw new AthanorError("ERR_ARGUMENT", `${who}: lr must be a number from 0, got ${String(lr)}`);
}
