// All that the binary exports, as positional numbers and handles: native/binding is the other side. A handle
// is a number (slot and generation) and never public; 0 stands for "none".

/** Order of `DType` in native/core/dtype.h. */
export const dtypeNames = ["f32", "bf16", "i32", "i8", "u8"] as const;
export type DType = (typeof dtypeNames)[number];

/** Order of `Priority` in native/core/queue.h. */
export const priorities = ["high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/** How elements lie in a file: order of `Stored` in native/binding/files.cpp. */
export const storedNames = ["same", "f16", "bf16", "i64", "f64"] as const;
export type Stored = (typeof storedNames)[number];

type Bytes = ArrayBufferView;

export interface NativeDevice {
  name: string;
  kind: string;
  memory: number;
  available: boolean;
  reason?: string;
}

export interface NativeAddon {
  initialize(
    makeError: (code: string, message: string, call: number) => Error,
    complete: (id: number, error: Error | undefined) => void,
    customBackward: (id: number, gradients: number[]) => number[],
    customRelease: (id: number) => void,
  ): void;

  /** One function per op of native/ops/ops.def: numbers in, one handle or several out. */
  ops: Record<string, (...args: number[]) => number | number[]>;
  opTable: { name: string; gradient: boolean; reason?: string }[];

  make(bytes: Bytes | null, dtype: number, device: string, queue: number, ...dims: number[]): number;
  release(handle: number): void;
  releaseMany(handles: Float64Array, count: number): void;
  /** [dtype, requiresGrad, leaf, device, ...dims] */
  describe(handle: number): [number, boolean, boolean, string, ...number[]];
  read(handle: number, target: Bytes, id: number): void;
  readSync(handle: number, target: Bytes): void;
  write(handle: number, bytes: Bytes): void;
  copy(target: number, source: number): void;
  fill(target: number, value: number): void;
  detach(handle: number): number;
  part(base: number, row: number, rows: number): number;

  backward(loss: number, gradient: number, retainGraph: boolean): void;
  gradient(leaf: number): number;
  setGradient(leaf: number, gradient: number): void;
  clearGradients(leaves: Float64Array): void;
  setRequiresGrad(leaf: number, value: boolean): void;
  setGradEnabled(value: boolean): boolean;
  recordCustom(id: number, inputs: Float64Array, outputs: Float64Array): number[];

  createQueue(device: string, priority: number): number;
  removeQueue(queue: number): void;
  ready(id: number): boolean;
  synchronize(id: number): void;
  devices(): NativeDevice[];
  checkDevice(name: string): string;
  memory(device: string): [number, number, number];
  emptyCache(device: string): void;
  setThreads(count: number): void;
  /** Starts or ends a trace; gives the commands traced so far as [op, bytes read, bytes written, milliseconds]. */
  trace(on: boolean): [string, number, number, number][];
  /** [pending commands, staged bytes, live handles, threads, instruction set] */
  state(): [number, number, number, number, string];

  /** tensors: (handle, stored, byte position) per tensor */
  readFile(file: string, tensors: Float64Array, id: number): void;
}
