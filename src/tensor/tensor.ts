// The public tensor: an integer handle in a class. All that can wait, waits in a promise.
import { AthanorError } from "../errors.js";
import { type DType, dtypeNames } from "../native/contract.js";
import { getEngine } from "../native/load.js";
import { describeValue, elements, isKind } from "./elements.js";

export type { DType } from "../native/contract.js";
export type Device = "cpu" | "cuda" | `cuda:${number}` | "auto";
export type TensorData = Float32Array | Int32Array | Int8Array | Uint8Array;

export interface TensorOptions {
  dtype?: DType;
  device?: Device;
  /** Whether backward() leaves a gradient in `.grad`. f32 only. */
  requiresGrad?: boolean;
}

/** Who owns new tensors; scope.ts swaps the list, noGrad the flag. */
export const adopt = {
  list: null as Tensor[] | null,
  recording: true,
  /** Gives a tensor to the scope at hand, or to the collector outside of any. */
  take(t: Tensor): void {
    if (adopt.list) adopt.list.push(t);
    else register(t);
  },
};

let registry: FinalizationRegistry<number> | undefined;

function register(t: Tensor): void {
  registry ??= new FinalizationRegistry((handle) => getEngine().native.release(handle));
  registry.register(t, handles.of(t), t);
}

/** Access for the modules of the package: handles stay out of the public type. */
export const handles = {
  of(_t: Tensor): number {
    return 0; // replaced below, where the private field is in reach
  },
  wrap(_handle: number): Tensor {
    throw new AthanorError("ERR_INTERNAL", "tensor class is not initialised");
  },
  /** As wrap, but no scope and no collector owns it: whoever asks must dispose of it. */
  wrapUntracked(_handle: number): Tensor {
    throw new AthanorError("ERR_INTERNAL", "tensor class is not initialised");
  },
  /** The handle of what should be a live tensor. */
  require(_t: unknown, _op: string, _name: string): number {
    return 0;
  },
};

interface Description {
  dtype: DType;
  device: string;
  shape: number[];
  leaf: boolean;
}

/**
 * An array of up to four dimensions on a device. Free it with `dispose()`, `using` or `scope()`; whatever is
 * forgotten is freed after the garbage collector finds it.
 */
export class Tensor {
  #handle: number;
  #description: Description | undefined;
  #requiresGrad: boolean | undefined;

  /** @internal Use `tensor()` or an op. */
  private constructor(handle: number) {
    this.#handle = handle;
  }

  static {
    handles.of = (t) => t.#handle;
    handles.wrap = (handle) => {
      const t = new Tensor(handle);
      adopt.take(t);
      return t;
    };
    handles.wrapUntracked = (handle) => new Tensor(handle);
    handles.require = (t, op, name) => {
      if (typeof t !== "object" || t === null || !(#handle in t)) {
        throw new AthanorError("ERR_ARGUMENT", `${op}: ${name} must be a tensor, got ${describeValue(t)}`);
      }
      if (t.#handle === 0) throw new AthanorError("ERR_DISPOSED", `${op}: ${name} was disposed`);
      return t.#handle;
    };
  }

  #describe(): Description {
    if (!this.#description) {
      const [dtype, requiresGrad, leaf, device, ...shape] = getEngine().native.describe(
        handles.require(this, "tensor", "this"),
      );
      this.#description = { dtype: dtypeNames[dtype], device, shape, leaf };
      this.#requiresGrad = requiresGrad;
    }
    return this.#description;
  }

  /** Sizes of the dimensions; [] for a scalar. */
  get shape(): number[] {
    return [...this.#describe().shape];
  }

  /** Number of elements. */
  get size(): number {
    return this.#describe().shape.reduce((n, d) => n * d, 1);
  }

  get dtype(): DType {
    return this.#describe().dtype;
  }

  /** "cpu" or "cuda:N". */
  get device(): string {
    return this.#describe().device;
  }

  get disposed(): boolean {
    return this.#handle === 0;
  }

  /** Whether a gradient is wanted here (leaf) or passes through here (result of an op). */
  get requiresGrad(): boolean {
    this.#describe();
    return this.#requiresGrad ?? false;
  }

  /** Leaves of dtype f32 only; `false` freezes a parameter. */
  set requiresGrad(value: boolean) {
    getEngine().native.setRequiresGrad(handles.require(this, "requiresGrad", "this"), value);
    this.#requiresGrad = value;
  }

  /** The gradient that backward() left at this leaf, or null. A new object at each reading. */
  get grad(): Tensor | null {
    const handle = getEngine().native.gradient(handles.require(this, "grad", "this"));
    return handle === 0 ? null : handles.wrap(handle);
  }

  set grad(value: Tensor | null) {
    const gradient = value === null ? 0 : handles.require(value, "grad", "value");
    getEngine().native.setGradient(handles.require(this, "grad", "this"), gradient);
  }

  /** A copy of the elements when all that was queued before has run; bf16 arrives as Float32Array. */
  async data(): Promise<TensorData> {
    const handle = handles.require(this, "data", "this");
    const target = this.#target();
    const { native, settle } = getEngine();
    await settle((id) => native.read(handle, target, id));
    return target;
  }

  /** As data(), blocking: for scripts and tests. */
  dataSync(): TensorData {
    const handle = handles.require(this, "dataSync", "this");
    const target = this.#target();
    getEngine().native.readSync(handle, target);
    return target;
  }

  /** The only element. @throws ERR_SHAPE when there is not exactly one. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new AthanorError("ERR_SHAPE", `item: needed one element, got shape (${this.shape.join(", ")})`);
    }
    return (await this.data())[0];
  }

  #target(): TensorData {
    const { dtype } = this.#describe();
    const size = this.size;
    switch (dtype) {
      case "i32":
        return new Int32Array(size);
      case "i8":
        return new Int8Array(size);
      case "u8":
        return new Uint8Array(size);
      default:
        return new Float32Array(size);
    }
  }

  /**
   * Adds the gradient of this tensor with respect to every leaf that wants one into its `.grad`.
   *
   * @param gradient gradient of this tensor, same shape; 1 for a scalar when left out
   * @throws ERR_VERSION for a graph already walked (see retainGraph) or a saved tensor changed in place;
   *   ERR_ARGUMENT when nothing here requires a gradient; ERR_SHAPE
   */
  backward(gradient?: Tensor, options: { retainGraph?: boolean } = {}): void {
    const upstream = gradient === undefined ? 0 : handles.require(gradient, "backward", "gradient");
    getEngine().native.backward(
      handles.require(this, "backward", "this"),
      upstream,
      options.retainGraph === true,
    );
  }

  /** The same elements without history. */
  detach(): Tensor {
    return handles.wrap(getEngine().native.detach(handles.require(this, "detach", "this")));
  }

  /** Replaces all elements, in order with what is queued: earlier ops still see the old ones. */
  set(data: ArrayLike<number>): void {
    const handle = handles.require(this, "set", "this");
    const { dtype, shape } = this.#describe();
    getEngine().native.write(handle, elements(data, dtype, shape, "set"));
  }

  /** Another dtype (a conversion) or device (a copy). */
  to(target: Device | DType): Tensor {
    const { native, stacks } = getEngine();
    const handle = handles.require(this, "to", "this");
    const dtype = dtypeNames.indexOf(target as DType);
    if (dtype >= 0) {
      stacks.next(adopt.recording);
      return handles.wrap(native.ops.cast(handle, dtype) as number);
    }
    const device = native.checkDevice(target);
    if (device !== this.device) return copyToDevice(this, device, 0);
    stacks.next(adopt.recording);
    return handles.wrap(native.ops.reshape(handle, ...this.shape) as number);
  }

  /** The same elements in another shape; one size may be -1. */
  reshape(shape: number[]): Tensor {
    const { native, stacks } = getEngine();
    const handle = handles.require(this, "reshape", "this");
    if (!Array.isArray(shape))
      throw new AthanorError("ERR_ARGUMENT", "reshape: shape must be an array of integers");
    stacks.next(adopt.recording);
    return handles.wrap(native.ops.reshape(handle, ...shape) as number);
  }

  /** Elements [begin, end) of dimension `dim`; rows, and columns of a matrix, are views. */
  slice(begin: number, end: number, dim = 0): Tensor {
    const { native, stacks } = getEngine();
    const handle = handles.require(this, "slice", "this");
    stacks.next(adopt.recording);
    return handles.wrap(native.ops.slice(handle, dim, begin, end) as number);
  }

  /** Frees the handle; twice is fine, using the tensor afterwards throws ERR_DISPOSED. */
  dispose(): void {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    this.#handle = 0;
    this.#description = undefined;
    registry?.unregister(this);
    getEngine().native.release(handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A copy on another device, on one of its queues (0: the default one). */
export function copyToDevice(t: Tensor, device: string, queue: number): Tensor {
  const { native, stacks } = getEngine();
  const index = device === "cpu" ? -1 : Number(device.slice("cuda:".length));
  const handle = handles.require(t, "to", "this");
  stacks.next(adopt.recording);
  return handles.wrap(native.ops.to_device(handle, index, queue) as number);
}

/** Makes a tensor on a model's queue (0: none); `null` data leaves the elements to a reader. */
export function makeTensor(
  data: ArrayBufferView | null,
  dtype: DType,
  shape: readonly number[],
  device: string,
  queue: number,
): Tensor {
  const { native } = getEngine();
  return handles.wrap(native.make(data, dtypeNames.indexOf(dtype), device, queue, ...shape));
}

/**
 * A tensor with a copy of `data`. Without `dtype` it is f32, or i32, i8, u8 for typed arrays of those.
 *
 * @param shape at most four sizes; their product must be the number of elements
 * @throws ERR_SHAPE, ERR_ARGUMENT, ERR_DATA (an element that the dtype cannot hold), ERR_CUDA
 * @example
 * const x = tensor([1, 2, 3, 4, 5, 6], [2, 3], { requiresGrad: true });
 */
export function tensor(
  data: ArrayLike<number>,
  shape: readonly number[],
  options: TensorOptions = {},
): Tensor {
  if (!Array.isArray(shape))
    throw new AthanorError("ERR_ARGUMENT", "tensor: shape must be an array of integers");
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new AthanorError(
        "ERR_SHAPE",
        `tensor: shape must hold integers from 0, got (${shape.join(", ")})`,
      );
    }
  }
  const dtype = options.dtype ?? guessDType(data);
  if (!dtypeNames.includes(dtype)) {
    throw new AthanorError(
      "ERR_DTYPE",
      `tensor: dtype must be one of ${dtypeNames.join(", ")}, got ${dtype}`,
    );
  }
  const t = makeTensor(elements(data, dtype, shape, "tensor"), dtype, shape, options.device ?? "auto", 0);
  if (options.requiresGrad) t.requiresGrad = true;
  return t;
}

function guessDType(data: ArrayLike<number>): DType {
  if (isKind(data, "Int32Array")) return "i32";
  if (isKind(data, "Int8Array")) return "i8";
  if (isKind(data, "Uint8Array")) return "u8";
  return "f32";
}
