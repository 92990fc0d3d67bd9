// Options of tokenizers, those of tokenizer_config.json in camel case: which there are, and their checks.

import type { AddedTokenOptions } from "../added-tokens.js";
import { checkChoice, checkInteger, checkObject, wrong } from "../options.js";
import type { Side } from "../truncation.js";

/** Options that every tokenizer has. */
export interface CommonOptions {
  /** Most tokens that the model takes. Default Infinity. */
  modelMaxLength?: number;
  /** Default "right". */
  paddingSide?: Side;
  /** Default "right". */
  truncationSide?: Side;
  /** What `decode` does unless told otherwise. Default false. */
  cleanUpTokenizationSpaces?: boolean;
  /**
   * Tokens to be found in the text as they stand. Those that the vocabulary lacks get the ids after it, in
   * this order. The special tokens are among them without being named.
   */
  addedTokens?: readonly (string | AddedTokenOptions)[];
}

/** What an option must be. "token" is a string with at least one character. */
export type OptionKind =
  | "boolean"
  | "boolean or null"
  | "token"
  | "length"
  | "side"
  | "added tokens"
  | "count"
  | "string";

const COMMON: Readonly<Record<keyof CommonOptions, OptionKind>> = {
  modelMaxLength: "length",
  paddingSide: "side",
  truncationSide: "side",
  cleanUpTokenizationSpaces: "boolean",
  addedTokens: "added tokens",
};

/**
 * Checks options: those of every tokenizer and those listed in `own`.
 *
 * @throws AthanorError ERR_ARGUMENT: an unknown name, or a value of the wrong kind.
 */
export function checkFamilyOptions(
  who: string,
  options: object,
  own: Readonly<Record<string, OptionKind>>,
): void {
  checkObject(who, options);
  const kinds: Record<string, OptionKind> = { ...own, ...COMMON };
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(kinds, name)) {
      throw wrong(who, "option", `one of ${Object.keys(kinds).join(", ")}`, name);
    }
    if (value !== undefined) CHECKS[kinds[name]](who, name, value);
  }
}

const CHECKS: Readonly<Record<OptionKind, (who: string, name: string, value: unknown) => void>> = {
  boolean: (who, name, value) => checkChoice(who, name, value, [true, false]),
  "boolean or null": (who, name, value) => checkChoice(who, name, value, [true, false, null]),
  side: (who, name, value) => checkChoice(who, name, value, ["left", "right"]),
  "added tokens": checkAddedTokens,
  length: (who, name, value) => {
    if (value !== Number.POSITIVE_INFINITY) checkInteger(who, name, value, 1);
  },
  count: (who, name, value) => checkInteger(who, name, value, 0),
  token: (who, name, value) => {
    if (typeof value !== "string" || value === "") {
      throw wrong(who, name, "a string with at least one character", value);
    }
  },
  string: (who, name, value) => {
    if (typeof value !== "string") throw wrong(who, name, "a string", value);
  },
};

function checkAddedTokens(who: string, name: string, entries: unknown): void {
  if (!Array.isArray(entries)) throw wrong(who, name, "an array", entries);
  for (const [index, entry] of entries.entries()) {
    const content: unknown = typeof entry === "string" ? entry : entry?.content;
    if (typeof content !== "string" || content === "") {
      throw wrong(who, `${name}[${index}]`, "a string, or an object with one in content", entry);
    }
  }
}
