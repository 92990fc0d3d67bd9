// Options made whole: the call's over the model's over the defaults, checked one by one and against each other.
import { AthanorError } from "../errors.js";
import {
  type GenerateOptions,
  type GenerationConfig,
  harmlessEntries,
  unsupportedEntries,
} from "./options.js";

export interface Settings extends GenerateOptions {
  numBeams: number;
  numReturnSequences: number;
  doSample: boolean;
  earlyStopping: boolean | "never";
  lengthPenalty: number;
  temperature: number;
  topK: number;
  topP: number;
  typicalP: number;
  useCache: boolean;
  seed: number;
  batchRows: number;
  useNativeScores: boolean;
  eosTokenIds: number[];
  forcedEosTokenIds: number[] | undefined;
  stopTexts: string[];
}

const defaults = {
  numBeams: 1,
  numReturnSequences: 1,
  doSample: false,
  earlyStopping: false,
  lengthPenalty: 1,
  temperature: 1,
  topK: 50,
  topP: 1,
  typicalP: 1,
  useCache: true,
  seed: 0,
  batchRows: 128,
  useNativeScores: true,
} as const;

/** The tokens generated where nothing says how many. */
export const defaultNewTokens = 20;

interface NumberRule {
  least: number;
  most?: number;
  /** Whether `least` and `most` themselves are outside. */
  open?: "least" | "both";
  integer?: boolean;
}

const count: NumberRule = { least: 1, most: 2 ** 31 - 1, integer: true };
const countOrNone: NumberRule = { least: 0, most: 2 ** 31 - 1, integer: true };
const above0: NumberRule = { least: 0, open: "least" };
const share: NumberRule = { least: 0, most: 1 };

const numberRules: Record<string, NumberRule> = {
  maxNewTokens: count,
  maxLength: count,
  minNewTokens: countOrNone,
  minLength: countOrNone,
  numBeams: { ...count, most: 1024 },
  numReturnSequences: count,
  temperature: above0,
  topK: countOrNone,
  topP: share,
  minP: share,
  typicalP: { ...share, open: "least" },
  epsilonCutoff: share,
  etaCutoff: share,
  repetitionPenalty: above0,
  encoderRepetitionPenalty: above0,
  lengthPenalty: { least: -100, most: 100 },
  noRepeatNgramSize: countOrNone,
  encoderNoRepeatNgramSize: countOrNone,
  forcedBosTokenId: countOrNone,
  padTokenId: { ...countOrNone, least: -(2 ** 31) },
  bosTokenId: countOrNone,
  decoderStartTokenId: countOrNone,
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER, integer: true },
  batchRows: count,
};

const switches = ["doSample", "useCache", "useNativeScores", "renormalizeLogits", "removeInvalidValues"];
const tokenLists = ["suppressTokens", "beginSuppressTokens"];
const others = [
  ...["earlyStopping", "stopStrings", "badWordsIds", "sequenceBias", "forcedEosTokenId", "eosTokenId"],
  ...["exponentialDecayLengthPenalty", "signal", "processors", "prefixAllowedTokens", "tokenizer"],
];
const known = new Set([...Object.keys(numberRules), ...switches, ...tokenLists, ...others]);

/** Which options have a meaning only in a mode, and the values with which they ask for nothing. */
const samplingOnly: [keyof GenerationConfig, unknown][] = [
  ["temperature", 1],
  ["topK", 50],
  ["topP", 1],
  ["minP", undefined],
  ["typicalP", 1],
  ["epsilonCutoff", 0],
  ["etaCutoff", 0],
];
const beamsOnly: [keyof GenerationConfig, unknown][] = [
  ["earlyStopping", false],
  ["lengthPenalty", 1],
];

function fail(message: string): never {
  throw new AthanorError("ERR_ARGUMENT", `generate: ${message}`);
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function requireNumber(name: string, value: unknown): void {
  const { least, most = Number.POSITIVE_INFINITY, open, integer } = numberRules[name];
  const number = value as number;
  const inside =
    typeof value === "number" &&
    (open ? number > least : number >= least) &&
    (open === "both" ? number < most : number <= most) &&
    (!integer || Number.isInteger(number)) &&
    (integer || Number.isFinite(number));
  if (inside) return;
  const kind = integer ? "an integer" : "a number";
  const range = open ? `above ${least}` : `from ${least}`;
  const end = Number.isFinite(most) ? ` to ${most}` : "";
  fail(`${name} must be ${kind} ${range}${end}, got ${text(value)}`);
}

function isToken(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

function requireTokens(name: string, value: unknown): void {
  if (!Array.isArray(value) || !value.every(isToken)) fail(`${name} must be token ids, got ${text(value)}`);
}

function requireOthers(options: GenerateOptions): void {
  const { earlyStopping, stopStrings, badWordsIds, sequenceBias } = options;
  if (earlyStopping !== undefined && ![true, false, "never"].includes(earlyStopping as boolean)) {
    fail(`earlyStopping must be true, false or "never", got ${text(earlyStopping)}`);
  }
  const strings = stopStrings === undefined ? [] : [stopStrings].flat();
  if (!strings.every((stop) => typeof stop === "string" && stop.length > 0)) {
    fail(`stopStrings must be texts that are not empty, got ${text(stopStrings)}`);
  }
  if (strings.length > 0 && typeof options.tokenizer?.decode !== "function") {
    fail("stopStrings need the model's tokenizer as `tokenizer`");
  }
  for (const name of ["eosTokenId", "forcedEosTokenId"] as const) {
    if (options[name] !== undefined) requireTokens(name, [options[name]].flat());
  }
  const words: unknown = badWordsIds ?? [[0]];
  if (!Array.isArray(words) || words.some((word) => !Array.isArray(word) || word.length === 0)) {
    fail(`badWordsIds must be lists of token ids that are not empty, got ${text(badWordsIds)}`);
  }
  for (const word of words) requireTokens("badWordsIds", word);
  for (const pair of sequenceBias ?? []) {
    if (
      !Array.isArray(pair) ||
      !Array.isArray(pair[0]) ||
      pair[0].length === 0 ||
      typeof pair[1] !== "number"
    ) {
      fail(`sequenceBias must be pairs of token ids and a number, got ${text(pair)}`);
    }
    requireTokens("sequenceBias", pair[0]);
  }
  const decay: unknown = options.exponentialDecayLengthPenalty;
  if (decay !== undefined && !(Array.isArray(decay) && decay.length === 2 && decay.every(Number.isFinite))) {
    fail(`exponentialDecayLengthPenalty must be a start and a factor, got ${text(decay)}`);
  }
}

function requireCallbacks({ processors = [], prefixAllowedTokens, signal }: GenerateOptions): void {
  if (!Array.isArray(processors) || processors.some((p) => typeof p?.process !== "function")) {
    fail("processors must be objects with a method process");
  }
  if (prefixAllowedTokens !== undefined && typeof prefixAllowedTokens !== "function") {
    fail(`prefixAllowedTokens must be a function, got ${typeof prefixAllowedTokens}`);
  }
  if (signal !== undefined && typeof signal?.aborted !== "boolean") fail("signal must be an AbortSignal");
}

/** Without what is null, which stands for "not set" in the file. @throws ERR_ARGUMENT */
function checked(given: object, who: "call" | "file"): GenerateOptions {
  const entries = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const kept: [string, unknown][] = [];
  for (const [name, value] of entries) {
    if (known.has(name)) kept.push([name, value]);
    else if (name in unsupportedEntries) {
      if (!unsupportedEntries[name].includes(value)) fail(`${name} is not offered, got ${text(value)}`);
    } else if (who === "call" && !harmlessEntries.has(name)) {
      fail(`there is no option ${name}; known are ${[...known].sort().join(", ")}`);
    }
  }
  for (const [name, value] of kept) {
    if (name in numberRules) requireNumber(name, value);
    if (switches.includes(name) && typeof value !== "boolean") {
      fail(`${name} must be true or false, got ${text(value)}`);
    }
    if (tokenLists.includes(name)) requireTokens(name, value);
  }
  return Object.fromEntries(kept) as GenerateOptions;
}

/** What is asked for in one mode and has no meaning in the other; only what the call itself says. */
function requireMode(call: GenerateOptions, settings: Settings): void {
  const idle = (names: [keyof GenerationConfig, unknown][]) =>
    names.find(([name, off]) => call[name] !== undefined && call[name] !== off)?.[0];
  const sampling = settings.doSample ? undefined : idle(samplingOnly);
  if (sampling) fail(`${sampling} needs doSample: true, got ${sampling} ${text(call[sampling])} without it`);
  const beams = settings.numBeams > 1 ? undefined : idle(beamsOnly);
  if (beams) fail(`${beams} needs numBeams above 1, got ${beams} ${text(call[beams])} with 1 beam`);
}

function requireConsistent(settings: Settings): void {
  const { numBeams, numReturnSequences, doSample, minNewTokens, maxNewTokens, minLength, maxLength } =
    settings;
  if (numBeams > 1 && numReturnSequences > numBeams) {
    fail(`numReturnSequences must be at most numBeams (${numBeams}), got ${numReturnSequences}`);
  }
  if (numBeams === 1 && numReturnSequences > 1 && !doSample) {
    fail(`numReturnSequences above 1 needs beams or doSample: true, got ${numReturnSequences} with neither`);
  }
  if (minNewTokens && maxNewTokens && minNewTokens > maxNewTokens) {
    fail(`minNewTokens must be at most maxNewTokens (${maxNewTokens}), got ${minNewTokens}`);
  }
  if (minLength && maxLength && !maxNewTokens && minLength > maxLength) {
    fail(`minLength must be at most maxLength (${maxLength}), got ${minLength}`);
  }
  const suppressed = new Set(settings.suppressTokens ?? []);
  const { forcedBosTokenId, forcedEosTokenIds } = settings;
  for (const [name, ids] of [
    ["forcedBosTokenId", forcedBosTokenId === undefined ? [] : [forcedBosTokenId as number]],
    ["forcedEosTokenId", forcedEosTokenIds ?? []],
  ] as const) {
    if (ids.length > 0 && ids.every((id) => suppressed.has(id))) {
      fail(`${name} must not be in suppressTokens, got ${ids.join(", ")} in both`);
    }
  }
}

/**
 * The options of a call over those of the model.
 *
 * @throws ERR_ARGUMENT for unknown options, values out of range and contradictions: more return sequences than beams,
 *   more than one without beams or sampling, minima above maxima, forced tokens that are suppressed, options without
 *   effect in the mode asked for
 */
export function resolveSettings(call: GenerateOptions, model: GenerationConfig = {}): Settings {
  if (typeof call !== "object" || call === null) fail(`options must be an object, got ${text(call)}`);
  const own = checked(call, "call");
  const base = checked(model, "file");
  // A length given by the call wins over one of the other kind in the file.
  if (own.maxLength !== undefined) delete base.maxNewTokens;
  if (own.minLength !== undefined) delete base.minNewTokens;
  const merged = { ...base, ...own };
  requireOthers(merged);
  requireCallbacks(merged);
  const ids = (value: number | number[] | null | undefined) =>
    value === undefined || value === null ? undefined : [value].flat();
  const settings = {
    ...defaults,
    ...merged,
    eosTokenIds: ids(merged.eosTokenId) ?? [],
    forcedEosTokenIds: ids(merged.forcedEosTokenId),
    stopTexts: [merged.stopStrings ?? []].flat(),
  } as Settings;
  requireMode(own, settings);
  requireConsistent(settings);
  return settings;
}
