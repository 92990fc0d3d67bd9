// Reads whole safetensors files into typed arrays: for tests, fixtures and small tools. Models load their
// weights through `resolveCheckpoint`, tensor by tensor.

import { AthanorError } from "../errors.js";
import { type SafetensorsDType, tensorBytes } from "./safetensors-dtype.js";
import {
  openCheckpointFile,
  readFully,
  readSafetensorsHeader,
  type SafetensorsEntry,
} from "./safetensors-header.js";

/** The elements of a tensor. F16 and BF16 arrive as Float32Array, BOOL as Uint8Array of 0 and 1. */
export type SafetensorsData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A tensor with its elements. */
export interface SafetensorsTensor {
  name: string;
  dtype: SafetensorsDType;
  shape: number[];
  data: SafetensorsData;
}

const MAKERS: Partial<Record<SafetensorsDType, (buffer: ArrayBuffer) => SafetensorsData>> = {
  BOOL: (buffer) => new Uint8Array(buffer),
  U8: (buffer) => new Uint8Array(buffer),
  I8: (buffer) => new Int8Array(buffer),
  I16: (buffer) => new Int16Array(buffer),
  U16: (buffer) => new Uint16Array(buffer),
  F16: (buffer) => Float32Array.from(new Uint16Array(buffer), float16Value),
  BF16: (buffer) => bfloat16Values(new Uint16Array(buffer)),
  I32: (buffer) => new Int32Array(buffer),
  U32: (buffer) => new Uint32Array(buffer),
  F32: (buffer) => new Float32Array(buffer),
  F64: (buffer) => new Float64Array(buffer),
  I64: (buffer) => new BigInt64Array(buffer),
  U64: (buffer) => new BigUint64Array(buffer),
};

/**
 * Reads a safetensors file with all its elements, tensors in the order of their bytes.
 *
 * Rejects with ERR_CHECKPOINT as `readSafetensorsHeader` does, and for the types F8_* and C64, which have no
 * typed array.
 *
 * @example
 * const tensors = await readSafetensors("case.safetensors");
 * tensors.get("output.loss")?.data[0]; // 0.693
 */
export async function readSafetensors(file: string): Promise<Map<string, SafetensorsTensor>> {
  const header = await readSafetensorsHeader(file);
  const handle = await openCheckpointFile(file);
  try {
    const tensors = new Map<string, SafetensorsTensor>();
    for (const entry of header.tensors.values()) {
      const { name, dtype, shape } = entry;
      requireMaker(file, entry);
      const bytes = new Uint8Array(tensorBytes(dtype, shape) as number);
      await readFully(file, handle, bytes, entry.begin);
      tensors.set(name, { name, dtype, shape, data: elementsOf(dtype, bytes.buffer) });
    }
    return tensors;
  } finally {
    await handle.close();
  }
}

/** The elements of a tensor from its bytes, for a type that has a typed array. */
export function elementsOf(dtype: SafetensorsDType, bytes: ArrayBuffer): SafetensorsData {
  return (MAKERS[dtype] as (buffer: ArrayBuffer) => SafetensorsData)(bytes);
}

function requireMaker(file: string, { name, dtype }: SafetensorsEntry): void {
  if (MAKERS[dtype] !== undefined) return;
  const needed = `dtype must be one of ${Object.keys(MAKERS).join(", ")}`;
  throw new AthanorError(
    "ERR_CHECKPOINT",
    `${file}: tensor ${JSON.stringify(name)}: ${needed}, got ${dtype}`,
  );
}

/** The value of an IEEE half-precision number. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 number is the upper half of a float32. */
function bfloat16Values(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}
