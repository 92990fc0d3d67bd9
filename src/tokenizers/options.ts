// Options of `encode` and their checks. What is wrong is told as: who, what was needed, what came.

import { AthanorError } from "../errors.js";
import type { Side, Truncation, TruncationStrategy } from "./truncation.js";

/** Options of one call, shared by all ways to encode. */
export interface BatchOptions {
  /** Add the special tokens of the model. Default true. */
  addSpecialTokens?: boolean;
  /**
   * Which text gives way when there are more than `maxLength` tokens. Default false; `maxLength` alone,
   * without padding, means "longest_first".
   */
  truncation?: false | TruncationStrategy;
  /** Tokens to truncate or pad to, special tokens included. Default: the tokenizer's `modelMaxLength`. */
  maxLength?: number;
  /** Overlap of the windows of a truncated text, in tokens. Default 0. */
  stride?: number;
  /** Return what was cut off as further windows in `overflowing`, to the end of the text. Default false. */
  returnOverflow?: boolean;
  /**
   * Stop reading a text after the word with which it has `maxLength` tokens, so that the windows of the
   * overflow end there too. That is what Hugging Face tokenizers 0.23.1 and later do (earlier versions go to
   * the end). Default false; without `returnOverflow`, and when truncating at the right, the result is the
   * same either way.
   */
  stopAtMaxLength?: boolean;
  /** Pad to the longest text of the batch, or to `maxLength`. Default false. */
  padding?: false | "longest" | "max_length";
  /** Round the padded length up to a multiple. */
  padToMultipleOf?: number;
  /** Default: the tokenizer's. */
  truncationSide?: Side;
  /** Default: the tokenizer's. */
  paddingSide?: Side;
  /** Encode as target text (translation models whose two languages have vocabularies of their own). */
  target?: boolean;
  /** The code of the language, for tokenizers with languages. Default: the tokenizer's `srcLang`; of target text `tgtLang`. */
  language?: string;
  /** In batches: every entry is a text already split into words, or a pair of such texts. Default false. */
  isSplitIntoWords?: boolean;
}

/** Options of `encode`. */
export interface EncodeOptions extends Omit<BatchOptions, "isSplitIntoWords"> {
  /** The second text. */
  pair?: string | string[];
}

/** What the tokenizer itself contributes. */
export interface OptionDefaults {
  modelMaxLength: number;
  truncationSide: Side;
  paddingSide: Side;
  canPad: boolean;
  /** Whether target text has stages of its own. */
  hasTarget: boolean;
  /** Codes of languages; none for most. */
  languages: readonly string[];
}

/** Options without gaps. */
export interface ResolvedOptions {
  addSpecialTokens: boolean;
  /** Null: no truncation. */
  truncation: Truncation | null;
  /** Infinity when nothing asks for a length. */
  maxLength: number;
  returnOverflow: boolean;
  /** Tokens of one text after which reading stops; Infinity: read all. */
  limit: number;
  padding: false | "longest" | "max_length";
  padToMultipleOf: number;
  paddingSide: Side;
  isSplitIntoWords: boolean;
  target: boolean;
  /** Null: as `target` says. */
  language: string | null;
}

const KNOWN: ReadonlySet<string> = new Set<keyof EncodeOptions | keyof BatchOptions>([
  "pair",
  "addSpecialTokens",
  "truncation",
  "maxLength",
  "stride",
  "returnOverflow",
  "stopAtMaxLength",
  "padding",
  "padToMultipleOf",
  "truncationSide",
  "paddingSide",
  "target",
  "language",
  "isSplitIntoWords",
]);

/**
 * Checks options and fills the gaps.
 *
 * @throws AthanorError ERR_ARGUMENT: an unknown name, a value of the wrong kind, options that contradict
 *   each other.
 */
export function resolveOptions(
  who: string,
  options: EncodeOptions & BatchOptions,
  defaults: OptionDefaults,
): ResolvedOptions {
  checkObject(who, options);
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw wrong(who, "option", `one of ${[...KNOWN].join(", ")}`, name);
  }
  if (who === "encode" && options.isSplitIntoWords !== undefined) {
    throw wrong(
      who,
      "isSplitIntoWords",
      "left out: an array is a text split into words",
      options.isSplitIntoWords,
    );
  }
  if (who !== "encode" && options.pair !== undefined) {
    throw wrong(who, "pair", "left out: a pair of texts is an entry of the batch", options.pair);
  }
  checkBooleans(who, options);
  const { stride = 0, padding = false, truncationSide, paddingSide } = options;
  checkChoice(who, "truncation", options.truncation ?? false, [
    false,
    "longest_first",
    "only_first",
    "only_second",
  ]);
  checkChoice(who, "padding", padding, [false, "longest", "max_length"]);
  checkChoice(who, "truncationSide", truncationSide ?? "right", ["left", "right"]);
  checkChoice(who, "paddingSide", paddingSide ?? "right", ["left", "right"]);
  checkInteger(who, "stride", stride, 0);
  if (options.maxLength !== undefined) checkInteger(who, "maxLength", options.maxLength, 1);
  if (options.padToMultipleOf !== undefined) {
    checkInteger(who, "padToMultipleOf", options.padToMultipleOf, 1);
    if (padding === false) throw wrong(who, "padding", "set when padToMultipleOf is", "false");
  }
  if (padding !== false && !defaults.canPad)
    throw wrong(who, "padding", "false: there is no padding token", padding);
  if (options.target && !defaults.hasTarget)
    throw wrong(who, "target", "false: this tokenizer has one vocabulary for all text", "true");
  if (options.language !== undefined) checkLanguage(who, "language", options.language, defaults.languages);
  // As in Transformers: a length that nothing else uses is meant to be kept.
  const unused = options.maxLength !== undefined && padding === false;
  const strategy = options.truncation ?? (unused ? "longest_first" : false);
  const maxLength = options.maxLength ?? defaults.modelMaxLength;
  if ((strategy !== false || padding === "max_length") && maxLength === Number.POSITIVE_INFINITY) {
    const reason = strategy !== false ? "truncation" : 'padding "max_length"';
    throw wrong(who, "maxLength", `given for ${reason}, as the tokenizer has no modelMaxLength`, "undefined");
  }
  const truncation =
    strategy === false ? null : { strategy, stride, side: truncationSide ?? defaults.truncationSide };
  const returnOverflow = options.returnOverflow ?? false;
  // What is cut off at the right need not be read when nobody asks for it
  const stops = truncation?.side === "right" && (!returnOverflow || (options.stopAtMaxLength ?? false));
  return {
    addSpecialTokens: options.addSpecialTokens ?? true,
    truncation,
    maxLength,
    returnOverflow,
    limit: stops ? maxLength : Number.POSITIVE_INFINITY,
    padding,
    padToMultipleOf: options.padToMultipleOf ?? 1,
    paddingSide: paddingSide ?? defaults.paddingSide,
    isSplitIntoWords: options.isSplitIntoWords ?? false,
    target: options.target ?? false,
    language: options.language ?? null,
  };
}

/** The same options as callers write them, without padding to the longest: a thread sees a part only. */
export function partOptions(resolved: ResolvedOptions): BatchOptions {
  const { truncation, maxLength, padding } = resolved;
  return {
    addSpecialTokens: resolved.addSpecialTokens,
    truncation: truncation === null ? false : truncation.strategy,
    truncationSide: truncation?.side,
    stride: truncation?.stride,
    maxLength: Number.isFinite(maxLength) ? maxLength : undefined,
    returnOverflow: resolved.returnOverflow,
    stopAtMaxLength: Number.isFinite(resolved.limit),
    padding: padding === "longest" ? false : padding,
    padToMultipleOf: padding === "max_length" ? resolved.padToMultipleOf : undefined,
    paddingSide: resolved.paddingSide,
    isSplitIntoWords: resolved.isSplitIntoWords,
    target: resolved.target,
    language: resolved.language ?? undefined,
  };
}

/** An error of the usual form. */
export function wrong(who: string, name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be ${needed}, got ${describe(came)}`);
}

/**
 * Checks the code of a language.
 *
 * @throws AthanorError ERR_ARGUMENT (or what `errorCode` says): none of `codes`; there are no codes.
 */
export function checkLanguage(
  who: string,
  name: string,
  code: unknown,
  codes: readonly string[],
  errorCode: "ERR_ARGUMENT" | "ERR_TOKENIZER" = "ERR_ARGUMENT",
): void {
  if (codes.length > 0 && codes.includes(code as string)) return;
  const shown = typeof code === "string" ? JSON.stringify(code) : describe(code);
  const needed = codes.length === 0 ? "left out: the tokenizer has no languages" : `one of ${someOf(codes)}`;
  throw new AthanorError(errorCode, `${who}: ${name} must be ${needed}, got ${shown}`);
}

/** The first codes, and how many there are. */
export function someOf(codes: readonly string[]): string {
  if (codes.length <= 12) return codes.join(", ");
  return `${codes.slice(0, 12).join(", ")} and ${codes.length - 12} more`;
}

/** A value, or what kind of value it is. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" || typeof value === "function") return `a value of type ${typeof value}`;
  const text = String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** Throws unless `value` is an integer of at least `least`. */
export function checkInteger(who: string, name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    throw wrong(who, name, `an integer of at least ${least}`, value);
  }
}

/** Throws unless `value` is among `choices`. */
export function checkChoice(who: string, name: string, value: unknown, choices: readonly unknown[]): void {
  if (!choices.includes(value)) {
    const shown = choices.map((choice) => JSON.stringify(choice));
    throw wrong(who, name, shown.join(" or "), value);
  }
}

/** Throws unless `value` is an object with options. */
export function checkObject(who: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(who, "options", "an object", value);
  }
}

function checkBooleans(who: string, options: EncodeOptions & BatchOptions): void {
  for (const name of [
    "addSpecialTokens",
    "returnOverflow",
    "stopAtMaxLength",
    "target",
    "isSplitIntoWords",
  ] as const) {
    checkChoice(who, name, options[name] ?? false, [false, true]);
  }
}
