// Numbers as the elements of a dtype: checked, converted, never silently changed.
import { AthanorError } from "../errors.js";
import type { DType } from "../native/contract.js";

/** What a value is, for messages. */
export function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return value.constructor?.name ?? "object";
  return typeof value;
}

/** `data` as the typed array of a dtype, checked against the number of elements of `shape`. */
export function elements(
  data: ArrayLike<number>,
  dtype: DType,
  shape: number[],
  op: string,
): ArrayBufferView {
  if (data === null || typeof data !== "object" || typeof data.length !== "number") {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${op}: data must be an array or typed array of numbers, got ${describeValue(data)}`,
    );
  }
  const size = shape.reduce((n, d) => n * d, 1);
  if (data.length !== size) {
    throw new AthanorError(
      "ERR_SHAPE",
      `${op}: shape (${shape.join(", ")}) needs ${size} elements, got ${data.length}`,
    );
  }
  switch (dtype) {
    case "f32":
      return isKind(data, "Float32Array")
        ? (data as Float32Array)
        : checked(Float32Array.from(data), data, op);
    case "i32":
      return isKind(data, "Int32Array")
        ? (data as Int32Array)
        : integers(new Int32Array(size), data, -2147483648, 2147483647, op);
    case "i8":
      return isKind(data, "Int8Array")
        ? (data as Int8Array)
        : integers(new Int8Array(size), data, -128, 127, op);
    case "u8":
      return isKind(data, "Uint8Array")
        ? (data as Uint8Array)
        : integers(new Uint8Array(size), data, 0, 255, op);
    case "bf16":
      return toBf16(data);
  }
}

/** Whether data is a typed array of that name. */
export function isKind(data: unknown, name: string): boolean {
  // Typed arrays come from other realms too, so no instanceof.
  return (
    ArrayBuffer.isView(data) &&
    (data as { [Symbol.toStringTag]?: string })[Symbol.toStringTag as never] === name
  );
}

function checked(array: Float32Array, data: ArrayLike<number>, op: string): Float32Array {
  for (let i = 0; i < array.length; i++) {
    if (typeof data[i] !== "number") {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${op}: element ${i} must be a number, got ${describeValue(data[i])}`,
      );
    }
  }
  return array;
}

function integers<A extends Int32Array | Int8Array | Uint8Array>(
  array: A,
  data: ArrayLike<number>,
  least: number,
  most: number,
  op: string,
): A {
  for (let i = 0; i < array.length; i++) {
    const value = Number(data[i]); // bigint too
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new AthanorError(
        "ERR_DATA",
        `${op}: element ${i} must be an integer from ${least} to ${most}, got ${data[i]}`,
      );
    }
    array[i] = value;
  }
  return array;
}

function toBf16(data: ArrayLike<number>): Uint16Array {
  const wide = Float32Array.from(data);
  const bits = new Uint32Array(wide.buffer);
  const narrow = new Uint16Array(wide.length);
  for (let i = 0; i < narrow.length; i++) {
    const b = bits[i];
    // Round to nearest even; a NaN keeps its quiet bit.
    narrow[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return narrow;
}
