// What tokenizer_config.json and its elder siblings say about any tokenizer.

import type { AddedTokenOptions } from "../added-tokens.js";
import { badTokenizer } from "../fields.js";
import type { SourceToken, SpecialTokens, TokenizerSettings } from "../source.js";
import type { Json } from "../stages.js";
import type { TokenizerFolder } from "./folder.js";
import type { CommonOptions } from "./options.js";

const ROLES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;
// Entries of tokenizer_config.json that the settings or the added tokens say anew when they are saved
const SAID_ELSEWHERE = new Set([
  "tokenizer_class",
  "model_max_length",
  "padding_side",
  "truncation_side",
  "clean_up_tokenization_spaces",
  "added_tokens_decoder",
  "additional_special_tokens",
  "extra_special_tokens",
  "auto_map",
  ...ROLES.map((role) => `${role}_token`),
]);

/** The special tokens by what they are for, and in which way they are found in the text. */
export interface NamedTokens {
  special: SpecialTokens;
  /** Those of the configuration, in the order in which Transformers adds them. */
  tokens: SourceToken[];
}

/** The settings of a folder. `options` win over its files, these over `defaults`. */
export function folderSettings(
  folder: TokenizerFolder,
  options: CommonOptions & Json,
  defaults: TokenizerSettings,
): TokenizerSettings {
  const { config } = folder;
  const settings: TokenizerSettings = {
    ...defaults,
    config: { ...defaults.config, ...furtherConfig(config) },
  };
  if (typeof config.tokenizer_class === "string") settings.className = config.tokenizer_class;
  const length = config.model_max_length;
  // Transformers writes "no limit" as 1e30
  if (typeof length === "number" && length < 1e9) settings.modelMaxLength = length;
  if (typeof config.clean_up_tokenization_spaces === "boolean") {
    settings.cleanUpTokenizationSpaces = config.clean_up_tokenization_spaces;
  }
  settings.paddingSide = side(config, "padding_side", settings.paddingSide);
  settings.truncationSide = side(config, "truncation_side", settings.truncationSide);
  const { modelMaxLength, paddingSide, truncationSide, cleanUpTokenizationSpaces } = options;
  const given = { modelMaxLength, paddingSide, truncationSide, cleanUpTokenizationSpaces };
  return { ...settings, ...onlyDefined(given) };
}

/** The special and added tokens of a folder and of the options. */
export function folderTokens(
  folder: TokenizerFolder,
  options: CommonOptions & Json,
  defaults: SpecialTokens,
): NamedTokens {
  const config: Json = { ...folder.specialTokensMap, ...folder.config };
  const special: SpecialTokens = { ...defaults };
  const tokens = numberedTokens(folder);
  const known = new Set(tokens.map((token) => token.content));
  const add = (token: AddedTokenOptions | null) => {
    if (token === null || known.has(token.content)) return;
    known.add(token.content);
    tokens.push(token);
  };
  for (const role of ROLES) {
    const value = options[`${role}Token`] ?? config[`${role}_token`] ?? special[role];
    const token = tokenOptions(value, true);
    if (token === null) continue;
    special[role] = token.content;
    add(token);
  }
  const further = config.additional_special_tokens ?? config.extra_special_tokens;
  for (const value of Array.isArray(further) ? further : []) add(tokenOptions(value, true));
  for (const value of options.addedTokens ?? []) add(tokenOptions(value, false));
  return { special, tokens };
}

// added_tokens_decoder and the older added_tokens.json, in the order of their ids.
function numberedTokens({ config, addedTokens }: TokenizerFolder): SourceToken[] {
  const listed: SourceToken[] = [];
  for (const [id, value] of Object.entries((config.added_tokens_decoder ?? {}) as Json)) {
    const token = tokenOptions(value, false);
    if (token === null) throw badTokenizer(`tokenizer_config.json: added token ${id}`, "a token", value);
    listed.push({ ...token, id: Number(id) });
  }
  const known = new Set(listed.map((token) => token.content));
  for (const [content, id] of Object.entries(addedTokens)) {
    if (!known.has(content)) listed.push({ content, id: Number(id) });
  }
  return listed.sort((a, b) => a.id! - b.id!);
}

/** A token as a string, or as an object with its options; null if it is neither. */
export function tokenOptions(value: unknown, special: boolean): AddedTokenOptions | null {
  if (typeof value === "string") return value === "" ? null : { content: value, special };
  if (typeof value !== "object" || value === null) return null;
  const token = value as Json;
  if (typeof token.content !== "string" || token.content === "") return null;
  const flag = (name: string): boolean | undefined =>
    typeof token[name] === "boolean" ? (token[name] as boolean) : undefined;
  return {
    content: token.content,
    special: flag("special") ?? special,
    normalized: flag("normalized"),
    lstrip: flag("lstrip"),
    rstrip: flag("rstrip"),
    singleWord: flag("single_word") ?? flag("singleWord"),
  };
}

function furtherConfig(config: Json): Json {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !SAID_ELSEWHERE.has(name)));
}

function side(config: Json, name: string, fallback: "left" | "right"): "left" | "right" {
  const value = config[name];
  if (value === undefined || value === null) return fallback;
  if (value !== "left" && value !== "right") {
    throw badTokenizer(`tokenizer_config.json: ${name}`, '"left" or "right"', value);
  }
  return value;
}

function onlyDefined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
