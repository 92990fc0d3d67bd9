// Parameters by the names found in checkpoints. Layers declare what they need (name, shape, how it starts);
// memory comes later, when the shapes were compared with what a checkpoint holds.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { normal } from "../tensor/ops/creation.js";
import type { Generator } from "../tensor/random.js";
import { scope, untracked } from "../tensor/scope.js";
import { handles, makeTensor, type Tensor } from "../tensor/tensor.js";

/** How a parameter starts when no checkpoint holds it. `zeroRow` is set to zero afterwards (padding). */
export type Init = { kind: "normal"; std: number; zeroRow?: number } | { kind: "constant"; value: number };

export const zeros: Init = { kind: "constant", value: 0 };
export const ones: Init = { kind: "constant", value: 1 };

/** One named tensor of a model. */
export class Parameter {
  #tensor: Tensor | undefined;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly init: Init,
  ) {}

  get tensor(): Tensor {
    if (!this.#tensor) throw new AthanorError("ERR_INTERNAL", `parameter ${this.name} has no memory yet`);
    return this.#tensor;
  }

  /** @internal */
  attach(tensor: Tensor): void {
    this.#tensor = tensor;
  }
}

/** Parameters of one width that lie one below the other in a single tensor, so that one GEMM serves them all. */
export class PackedParameter {
  #tensor: Tensor | undefined;

  constructor(readonly parts: readonly Parameter[]) {}

  /** (sum of rows, ...) */
  get tensor(): Tensor {
    if (!this.#tensor) throw new AthanorError("ERR_INTERNAL", "packed parameter has no memory yet");
    return this.#tensor;
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
  readonly #named = new Map<string, Parameter>();
  readonly #blocks: (Parameter | PackedParameter)[] = [];

  declare(name: string, shape: readonly number[], init: Init): Parameter {
    const parameter = this.#register(new Parameter(name, shape, init));
    this.#blocks.push(parameter);
    return parameter;
  }

  /** Declares several parameters of the same shape as one packed block. */
  declarePacked(names: readonly string[], shape: readonly number[], init: Init): PackedParameter {
    const packed = new PackedParameter(names.map((name) => this.#register(new Parameter(name, shape, init))));
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

  get(name: string): Parameter | undefined {
    return this.#named.get(name);
  }

  all(): Iterable<Parameter> {
    return this.#named.values();
  }

  /** Allocates every parameter on a device and queue, with undefined contents; all require gradients. */
  materialize(device: string, queue: number): void {
    untracked(() => {
      for (const block of this.#blocks) {
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
        native.copy(target, handles.of(normal(shape as number[], 0, init.std, { generator, queue })));
        if (init.zeroRow !== undefined && init.zeroRow < shape[0]) {
          native.fill(handles.of(tensor.detach().slice(init.zeroRow, init.zeroRow + 1)), 0);
        }
      }
    });
  }

  tensors(): Map<string, Tensor> {
    return new Map([...this.#named].map(([name, parameter]) => [name, parameter.tensor]));
  }

  dispose(): void {
    for (const parameter of this.#named.values()) parameter.tensor.dispose();
    for (const block of this.#blocks) block.tensor.dispose();
  }
}
