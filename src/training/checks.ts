// Checks of single arguments of a Trainer. @throws ERR_ARGUMENT naming the argument
import { AthanorError } from "../errors.js";
import type { Every } from "./args.js";

export function argumentFault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `Trainer: ${name} must be ${needed}, got ${String(came)}`);
}

export function checkedNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  const from = least === Number.MIN_VALUE ? "above 0" : `from ${least}`;
  throw argumentFault(name, `a number ${from}${Number.isFinite(most) ? ` to ${most}` : ""}`, value);
}

export function checkedInteger(name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw argumentFault(name, `an integer from ${least}`, value);
}

/** Undefined stays undefined. */
export function optionalInteger(name: string, value: unknown, least: number): number | undefined {
  return value === undefined ? undefined : checkedInteger(name, value, least);
}

export function checkedFlag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw argumentFault(name, "true or false", value);
}

export function checkedEvery(name: string, value: unknown): Every;
export function checkedEvery<More extends string>(name: string, value: unknown, more: More): Every | More;
export function checkedEvery(name: string, value: unknown, more?: string): string | number {
  if (value === "epoch" || value === "no" || (more !== undefined && value === more)) return value as string;
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  const words = more === undefined ? '"epoch", "no"' : `"epoch", "no", "${more}"`;
  throw argumentFault(name, `${words} or a number of steps`, value);
}

export function checkedName<Name extends string>(name: string, value: unknown, known: readonly Name[]): Name {
  if (typeof value === "string" && known.includes(value as Name)) return value as Name;
  throw argumentFault(name, `one of ${known.join(", ")}`, value);
}
