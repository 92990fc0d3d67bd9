// Parameters by the names found in checkpoints. Layers declare what they need (name, shape, how it starts);
// memory comes later, when the shapes were compared with what a checkpoint holds.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { normal, truncatedNormal, uniform } from "../tensor/ops/creation.js";
import { quantizeRows } from "../tensor/ops/linear.js";
import { cast } from "../tensor/ops/shape.js";
import type { Generator } from "../tensor/random.js";
import { noGrad, scope, untracked } from "../tensor/scope.js";
import { copyToDevice, handles, makeTensor, type Tensor } from "../tensor/tensor.js";
import { Places } from "./places.js";

/**
 * How a parameter starts when no checkpoint holds it. `zeroRow` is set to zero afterwards (padding); `uniform` lies in
 * [-bound, bound), `truncatedNormal` within two standard deviations; `values` gives all elements.
 */
export type Init =
  | { kind: "normal"; std: number; zeroRow?: number }
  | { kind: "truncatedNormal"; std: number }
  | { kind: "uniform"; bound: number }
  | { kind: "constant"; value: number }
  | { kind: "values"; values: () => Float32Array };

export const zeros: Init = { kind: "constant", value: 0 };
export const ones: Init = { kind: "constant", value: 1 };
/** Where nothing else is said: what BERT's weights start with. */
export const usualInit: Init = { kind: "normal", std: 0.02 };

/** How the weights of products are stored: "bf16" and "int8" are for inference. */
export type WeightType = "f32" | "bf16" | "int8";

// Matrices with fewer outputs stay in f32: a classifier costs nothing, and its rounding would go straight into
// the result.
const leastReducedRows = 64;

const masters = new WeakMap<Tensor, Tensor>();

/** The f32 values behind a bf16 parameter that is trained: optimizers change these and round them to it. */
export function masterOf(parameter: Tensor): Tensor | undefined {
  return masters.get(parameter);
}

function drawn(
  init: Extract<Init, { kind: "normal" | "truncatedNormal" | "uniform" }>,
  shape: readonly number[],
  options: { generator: Generator; queue: number },
): Tensor {
  if (init.kind === "uniform") return uniform(shape, -init.bound, init.bound, options);
  return (init.kind === "normal" ? normal : truncatedNormal)(shape, 0, init.std, options);
}

/** One named tensor of a model. */
export class Parameter {
  #tensor: Tensor | undefined;
  /** (rows), f32: what one unit of each row stands for, where the tensor is i8. */
  scale: Tensor | undefined;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly init: Init,
    /** Whether it is used as the weight of products alone, and may be stored in fewer bits. */
    readonly isWeight = false,
  ) {}

  get tensor(): Tensor {
    if (!this.#tensor) throw new AthanorError("ERR_INTERNAL", `parameter ${this.name} has no memory yet`);
    return this.#tensor;
  }

  /** @internal */
  get hasMemory(): boolean {
    return this.#tensor !== undefined;
  }

  /** @internal */
  attach(tensor: Tensor): void {
    this.#tensor = tensor;
  }
}

/** Parameters of one width that lie one below the other in a single tensor, so that one GEMM serves them all. */
export class PackedParameter {
  #tensor: Tensor | undefined;
  /** As of Parameter, for all rows. */
  scale: Tensor | undefined;

  constructor(readonly parts: readonly Parameter[]) {}

  get isWeight(): boolean {
    return this.parts.every((part) => part.isWeight);
  }

  /** (sum of rows, ...) */
  get tensor(): Tensor {
    if (!this.#tensor) throw new AthanorError("ERR_INTERNAL", "packed parameter has no memory yet");
    return this.#tensor;
  }

  /** @internal */
  get hasMemory(): boolean {
    return this.#tensor !== undefined;
  }

  get shape(): number[] {
    const [first] = this.parts;
    return [this.parts.reduce((rows, part) => rows + part.shape[0], 0), ...first.shape.slice(1)];
  }

  /** @internal */
  attach(tensor: Tensor): void {
    this.#tensor = tensor;
    const { native } = getEngine();
    let row = 0;
    for (const part of this.parts) {
      part.attach(handles.wrap(native.part(handles.of(tensor), row, part.shape[0])));
      row += part.shape[0];
    }
  }
}

/** All parameters of a model, in the order of declaration. */
export class ParameterStore {
  /** The products with weights, and the sub-layers, by name: what LoRA and adapters are attached to. */
  readonly places = new Places();
  readonly #named = new Map<string, Parameter>();
  readonly #blocks: (Parameter | PackedParameter)[] = [];
  /** f32 values of blocks in bf16 that are trained. */
  readonly #masters = new Map<Parameter | PackedParameter, { whole: Tensor; parts: Tensor[] }>();

  /** @param isWeight whether it is used as the weight of products alone */
  declare(name: string, shape: readonly number[], init: Init, isWeight = false): Parameter {
    const parameter = this.#register(new Parameter(name, shape, init, isWeight));
    this.#blocks.push(parameter);
    return parameter;
  }

  /** Declares several parameters of the same shape as one packed block. */
  declarePacked(
    names: readonly string[],
    shape: readonly number[],
    init: Init,
    isWeight = false,
  ): PackedParameter {
    const packed = new PackedParameter(
      names.map((name) => this.#register(new Parameter(name, shape, init, isWeight))),
    );
    this.#blocks.push(packed);
    return packed;
  }

  #register(parameter: Parameter): Parameter {
    if (this.#named.has(parameter.name)) {
      throw new AthanorError("ERR_ARGUMENT", `parameter ${parameter.name} is declared twice`);
    }
    this.#named.set(parameter.name, parameter);
    return parameter;
  }

  /** Takes parameters out again, which were declared one by one, and frees them. */
  remove(names: ReadonlySet<string>): void {
    for (const block of this.#blocks) {
      if (!(block instanceof Parameter) || !names.has(block.name)) continue;
      this.#named.delete(block.name);
      if (block.hasMemory) block.tensor.dispose();
    }
    const kept = this.#blocks.filter((block) => !(block instanceof Parameter && names.has(block.name)));
    this.#blocks.splice(0, this.#blocks.length, ...kept);
  }

  get(name: string): Parameter | undefined {
    return this.#named.get(name);
  }

  all(): Iterable<Parameter> {
    return this.#named.values();
  }

  /** Allocates what has no memory yet on a device and queue, with undefined contents; all of it requires gradients. */
  materialize(device: string, queue: number): void {
    untracked(() => {
      for (const block of this.#blocks) {
        if (block.hasMemory) continue;
        const tensor = makeTensor(null, "f32", block.shape, device, queue);
        tensor.requiresGrad = true;
        block.attach(tensor);
      }
    });
  }

  /** Gives fresh values to the named parameters, in order of declaration, one generator call each. */
  initialize(wanted: (name: string) => boolean, generator: Generator, queue: number): void {
    const { native } = getEngine();
    scope(() => {
      for (const { name, tensor, shape, init } of this.#named.values()) {
        if (!wanted(name)) continue;
        const target = handles.of(tensor);
        if (init.kind === "constant") {
          native.fill(target, init.value);
          continue;
        }
        if (init.kind === "values") {
          tensor.set(init.values());
          continue;
        }
        native.copy(target, handles.of(drawn(init, shape, { generator, queue })));
        if (init.kind === "normal" && init.zeroRow !== undefined && init.zeroRow < shape[0]) {
          native.fill(handles.of(tensor.detach().slice(init.zeroRow, init.zeroRow + 1)), 0);
        }
      }
    });
  }

  /**
   * Stores the weights of products in fewer bits; what they were in f32 is freed one by one. Nothing requires
   * gradients any more.
   */
  reduce(type: Exclude<WeightType, "f32">): void {
    for (const block of this.#blocks) {
      block.tensor.requiresGrad = false;
      const replaced = block instanceof PackedParameter ? block.parts.map((part) => part.tensor) : [];
      replaced.push(block.tensor);
      const { tensor } = block;
      if (!block.isWeight || block.shape.length !== 2 || block.shape[0] < leastReducedRows) continue;
      untracked(() => {
        if (type === "bf16") {
          block.attach(cast(tensor, "bf16"));
        } else {
          const { values, scale } = quantizeRows(tensor);
          block.attach(values);
          block.scale = scale;
        }
      });
      for (const old of replaced) old.dispose();
    }
    for (const { tensor } of this.#named.values()) tensor.requiresGrad = false;
  }

  /** Copies every parameter to another device and queue; the old memory is freed. Gradients are lost. */
  move(device: string, queue: number): void {
    for (const block of this.#blocks) {
      const { tensor } = block;
      const parts = block instanceof PackedParameter ? block.parts : [block];
      const required = parts.map((part) => part.tensor.requiresGrad);
      const replaced = new Set([...parts.map((part) => part.tensor), tensor]);
      untracked(() => {
        noGrad(() => block.attach(copyToDevice(tensor, device, queue)));
        if (block.scale) {
          replaced.add(block.scale);
          const { scale } = block;
          noGrad(() => {
            block.scale = copyToDevice(scale, device, queue);
          });
        }
      });
      parts.forEach((part, i) => {
        part.tensor.requiresGrad = required[i];
      });
      for (const old of replaced) old.dispose();
    }
  }

  /**
   * Gives every parameter in bf16, for a GPU. With `keepMasters` the f32 values stay beside them, for training
   * (Micikevicius et al., "Mixed precision training", 2018, section 3.1); otherwise they are freed and nothing
   * requires gradients any more.
   */
  toBf16(keepMasters: boolean): void {
    for (const block of this.#blocks) {
      const parts = block instanceof PackedParameter ? block.parts : [block];
      const [whole, old] = [block.tensor, parts.map((part) => part.tensor)];
      untracked(() => noGrad(() => block.attach(cast(whole, "bf16"))));
      parts.forEach((part, i) => {
        part.tensor.requiresGrad = keepMasters && old[i].requiresGrad;
        if (keepMasters) masters.set(part.tensor, old[i]);
      });
      if (keepMasters) this.#masters.set(block, { whole, parts: old });
      else for (const tensor of new Set([...old, whole])) tensor.dispose();
    }
  }

  /** Rounds the masters to their parameters again, after they were changed from outside. */
  refresh(): void {
    const { native } = getEngine();
    for (const [block, { whole }] of this.#masters) {
      scope(() => noGrad(() => native.copy(handles.of(block.tensor), handles.of(cast(whole, "bf16")))));
    }
  }

  /** Ends what toBf16(true) began: the masters are the parameters. */
  toMasters(): void {
    for (const [block, master] of this.#masters) {
      const parts = block instanceof PackedParameter ? block.parts : [block];
      const replaced = new Set([block.tensor, ...parts.map((part) => part.tensor)]);
      const required = parts.map((part) => part.tensor.requiresGrad);
      untracked(() => block.attach(master.whole));
      parts.forEach((part, i) => {
        part.tensor.requiresGrad = required[i];
        // Attaching made new handles of a packed block's parts.
        if (part.tensor !== master.parts[i]) replaced.add(master.parts[i]);
      });
      for (const tensor of replaced) tensor.dispose();
    }
    this.#masters.clear();
  }

  /** The values to save: masters where there are some. */
  values(): Map<string, Tensor> {
    return new Map([...this.#named].map(([name, { tensor }]) => [name, masterOf(tensor) ?? tensor]));
  }

  tensors(): Map<string, Tensor> {
    return new Map([...this.#named].map(([name, parameter]) => [name, parameter.tensor]));
  }

  dispose(): void {
    for (const { whole, parts } of this.#masters.values()) {
      for (const tensor of [whole, ...parts]) tensor.dispose();
    }
    for (const parameter of this.#named.values()) parameter.tensor.dispose();
    for (const block of this.#blocks) {
      block.tensor.dispose();
      block.scale?.dispose();
    }
  }
}
