// Checks of arguments, with messages in one shape: who, what was needed, what came.

import { AthanorError } from "../errors.js";

/** How a value appears in a message: as JSON, or as JavaScript prints it, cut at 60 characters. */
export function shown(value: unknown): string {
  const plain = typeof value === "number" || typeof value === "bigint";
  const text = (plain ? undefined : JSON.stringify(value)) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Throws ERR_ARGUMENT: `bleu: smooth must be ..., got "x"`. */
export function refuse(who: string, needed: string, came: unknown): never {
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${shown(came)}`);
}

/** An array of at least one string. */
export function checkTexts(who: string, what: string, texts: readonly string[]): void {
  if (!Array.isArray(texts)) refuse(who, `${what} must be an array of strings`, texts);
  if (texts.length === 0) refuse(who, `${what} must hold at least one text`, texts);
  for (let i = 0; i < texts.length; i++) {
    if (typeof texts[i] !== "string") refuse(who, `${what}[${i}] must be a string`, texts[i]);
  }
}

/** Two lists that belong together, pair by pair. */
export function checkSameLength(who: string, what: string, needed: number, came: number): void {
  if (needed !== came) refuse(who, `${what} must have length ${needed}`, came);
}

/** A whole number in a range. */
export function checkInteger(who: string, what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    refuse(who, `${what} must be an integer from ${least} to ${most}`, value);
  }
}

/** One of a few words. */
export function checkChoice<T extends string>(
  who: string,
  what: string,
  value: T,
  choices: readonly T[],
): void {
  if (!choices.includes(value)) {
    refuse(who, `${what} must be one of ${choices.map((c) => `"${c}"`).join(", ")}`, value);
  }
}

/** Seeds are what NumPy's generators take: 0 to 2^32 - 1. */
export function checkSeed(who: string, seed: number): void {
  checkInteger(who, "seed", seed, 0, 2 ** 32 - 1);
}
