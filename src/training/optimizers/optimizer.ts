// What all optimizers share: the state that an op of src/tensor/ops/optimizer.ts changes in place, learning rate, files.
// A step is one command for all parameters; it is done whole or, when a gradient failed, not at all.
import { AthanorError } from "../../errors.js";
import { getEngine } from "../../native/load.js";
import { masterOf } from "../../nn/parameter.js";
import type { GradientOptions, UpdatedParameter } from "../../tensor/ops/optimizer.js";
import { handles, type Tensor } from "../../tensor/tensor.js";
import {
  type FileTarget,
  fillTensors,
  readTensorTable,
  requireFit,
  writeTensors,
  zerosLike,
} from "../tensor-files.js";
import {
  isBiasOrNorm,
  type NamedParameters,
  type OptimizedParameter,
  optimizedParameters,
  type ParameterGroup,
} from "./parameter-groups.js";

/** Options that all optimizers share. */
export interface OptimizerOptions {
  /** Learning rate, from 0. */
  lr: number;
  /** From 0; default 0. */
  weightDecay?: number;
  /** Parameters without weight decay; default: biases and norms, as in Transformers' Trainer. */
  noDecay?: (name: string) => boolean;
}

export interface StepOptions {
  /** Gradients are scaled so that the norm of them all is at most this. Default: they are not. */
  maxGradNorm?: number;
  /** When the norm of all gradients is infinite or NaN nothing changes. Default false, as in PyTorch. */
  skipNotFinite?: boolean;
}

export interface StepResult {
  /** f32 (): the norm of all gradients before clipping. Belongs to the caller's scope. */
  gradNorm: Tensor;
}

/** State of one parameter by the names it has in files. */
export type OptimizerState = Record<string, Tensor>;

/** One step as an optimizer's op sees it. */
export interface UpdateContext {
  /** Parameters whose first step it is. */
  started: ReadonlySet<string>;
  /** From 1. */
  step: number;
  gradients: GradientOptions;
}

export abstract class Optimizer {
  protected readonly parameters: OptimizedParameter[];
  /** State tensors by parameter, made at the first step that has a gradient for it. */
  protected readonly states = new Map<string, OptimizerState>();
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

  /** Steps made so far, as bias corrections count them. A step that was skipped counts too. */
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
    const { maxGradNorm, skipNotFinite } = options;
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
    const gradNorm = this.update(ready, {
      started,
      step: this.#steps + 1,
      gradients: { maxNorm: maxGradNorm ?? 0, skipNotFinite },
    });
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

  protected makeState(parameter: Tensor): OptimizerState {
    const values = masterOf(parameter) ?? parameter;
    return Object.fromEntries(this.stateNames.map((part) => [part, zerosLike(values)]));
  }

  /** Enqueues the op over these parameters, whose states are there, and gives the norm. */
  protected abstract update(parameters: readonly OptimizedParameter[], context: UpdateContext): Tensor;

  /** What every op wants of a parameter. */
  protected slot({ tensor, lrRatio, weightDecay }: OptimizedParameter): UpdatedParameter {
    return { parameter: tensor, master: masterOf(tensor), lr: this.lr * lrRatio, weightDecay };
  }

  #hasGradient({ name, tensor }: OptimizedParameter): boolean {
    const { native } = getEngine();
    const handle = native.gradient(handles.require(tensor, this.who, name));
    if (handle !== 0) native.release(handle);
    return handle !== 0;
  }
}

function disposeState(state: OptimizerState): void {
  for (const tensor of Object.values(state)) tensor.dispose();
}

function checkedRate(who: string, lr: unknown): number {
  if (typeof lr === "number" && Number.isFinite(lr) && lr >= 0) return lr;
  throw new AthanorError("ERR_ARGUMENT", `${who}: lr must be a number from 0, got ${String(lr)}`);
}

/** A number in a range, for options of optimizers. @throws ERR_ARGUMENT */
export function checkedOption(
  who: string,
  name: string,
  value: unknown,
  below = Number.POSITIVE_INFINITY,
): number {
  if (typeof value === "number" && value >= 0 && value < below) return value;
  const range = below === Number.POSITIVE_INFINITY ? "from 0" : `from 0 to below ${below}`;
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be a number ${range}, got ${String(value)}`);
}
