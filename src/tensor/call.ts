// From typed functions to the binary: one place that counts calls, keeps stacks and wraps handles.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { adopt, handles, type Tensor } from "./tensor.js";

/** Calls an op with one output. Arguments are handles and numbers, in the order of the op's front. */
export function callOp(op: string, ...args: number[]): Tensor {
  const { native, stacks } = getEngine();
  stacks.next(adopt.recording);
  return handles.wrap(native.ops[op](...args) as number);
}

/** Calls an op with several outputs. */
export function callOpMany(op: string, ...args: number[]): Tensor[] {
  const { native, stacks } = getEngine();
  stacks.next(adopt.recording);
  const result = native.ops[op](...args);
  return typeof result === "number" ? [handles.wrap(result)] : result.map((handle) => handles.wrap(handle));
}

/** The handle of a tensor argument. @throws ERR_ARGUMENT, ERR_DISPOSED naming op and argument */
export function handleOf(t: Tensor, op: string, name: string): number {
  return handles.require(t, op, name);
}

/** The handle of an optional tensor argument; 0 for none. */
export function optionalHandle(t: Tensor | null | undefined, op: string, name: string): number {
  return t === null || t === undefined ? 0 : handles.require(t, op, name);
}

/** Options, or what else is an object of several things. @throws ERR_ARGUMENT naming op and argument */
export function requireObject<T extends object>(value: T, op: string, name = "options"): T {
  if (typeof value !== "object" || value === null) {
    throw new AthanorError("ERR_ARGUMENT", `${op}: ${name} must be an object, got ${String(value)}`);
  }
  return value;
}

export function requireInteger(
  value: unknown,
  op: string,
  name: string,
  least: number = Number.MIN_SAFE_INTEGER,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    const range =
      least === Number.MIN_SAFE_INTEGER
        ? ""
        : most === Number.MAX_SAFE_INTEGER
          ? ` from ${least}`
          : ` from ${least} to ${most}`;
    throw new AthanorError("ERR_ARGUMENT", `${op}: ${name} must be an integer${range}, got ${String(value)}`);
  }
  return value as number;
}

export function requireNumber(value: unknown, op: string, name: string): number {
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new AthanorError("ERR_ARGUMENT", `${op}: ${name} must be a number, got ${String(value)}`);
  }
  return value;
}
