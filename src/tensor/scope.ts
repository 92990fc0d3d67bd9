// Who frees what. Inside a scope every new tensor is listed and freed at the end, but for what the scope
// returns; outside, a registry frees handles whose tensors were collected, as a last resort.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { adopt, Tensor } from "./tensor.js";

/**
 * Runs `fn` and frees all tensors made inside, but for those it returns (alone, or in arrays, Maps and plain
 * objects). Scopes nest: what an inner one returns belongs to the outer one.
 *
 * @throws ERR_ARGUMENT when `fn` is asynchronous: the scope would end before the work did.
 * @example
 * const y = scope(() => ops.gelu(ops.add(x, x))); // the sum is freed, y stays
 */
export function scope<T>(fn: () => T): T {
  requireSynchronous(fn, "scope");
  const outer = adopt.list;
  const made: Tensor[] = [];
  adopt.list = made;
  let result: T;
  try {
    result = fn();
    if (isPromise(result)) throw asynchronous("scope");
  } catch (error) {
    adopt.list = outer;
    freeAll(made);
    throw error;
  }
  adopt.list = outer;
  const kept = new Set<Tensor>();
  collect(result, kept, 0);
  if (kept.size === 0) {
    freeAll(made);
    return result;
  }
  const rest: Tensor[] = [];
  for (const t of made) {
    if (kept.has(t)) adopt.take(t);
    else rest.push(t);
  }
  freeAll(rest);
  return result;
}

/**
 * Runs `fn` without recording gradients: nothing made inside requires one.
 *
 * @throws ERR_ARGUMENT when `fn` is asynchronous.
 */
export function noGrad<T>(fn: () => T): T {
  requireSynchronous(fn, "noGrad");
  const { native } = getEngine();
  const before = native.setGradEnabled(false);
  const recorded = adopt.recording;
  adopt.recording = false;
  try {
    const result = fn();
    if (isPromise(result)) throw asynchronous("noGrad");
    return result;
  } finally {
    native.setGradEnabled(before);
    adopt.recording = recorded;
  }
}

/** @internal Records again inside of a noGrad: for a backward that computes part of a graph anew. */
export function withGrad<T>(fn: () => T): T {
  const { native } = getEngine();
  const before = native.setGradEnabled(true);
  const recorded = adopt.recording;
  adopt.recording = true;
  try {
    return fn();
  } finally {
    native.setGradEnabled(before);
    adopt.recording = recorded;
  }
}

/** Makes what outlives every scope: moments, caches, parameters. Their owner disposes of them. */
export function untracked<T>(fn: () => T): T {
  const outer = adopt.list;
  adopt.list = null;
  try {
    return fn();
  } finally {
    adopt.list = outer;
  }
}

function requireSynchronous(fn: unknown, name: string): void {
  if (typeof fn !== "function")
    throw new AthanorError("ERR_ARGUMENT", `${name}: fn must be a function, got ${typeof fn}`);
  if (fn.constructor.name === "AsyncFunction") throw asynchronous(name);
}

function asynchronous(name: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${name}: fn must be synchronous, got an asynchronous function`);
}

function isPromise(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

function collect(value: unknown, found: Set<Tensor>, level: number): void {
  if (typeof value !== "object" || value === null || level > 6) return;
  if (value instanceof Tensor) {
    found.add(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, found, level + 1);
  } else if (value instanceof Map) {
    for (const item of value.values()) collect(item, found, level + 1);
  } else if (!ArrayBuffer.isView(value)) {
    for (const item of Object.values(value)) collect(item, found, level + 1);
  }
}

function freeAll(tensors: Tensor[]): void {
  for (const t of tensors) t.dispose();
}

/** Runs `fn` without gradients; all that it makes is freed, but for what it returns, which belongs to the caller alone. */
export function computed<T>(fn: () => T): T {
  return untracked(() => scope(() => noGrad(fn)));
}
