// tokenizer.json, as the tokenizers library writes it, with the special tokens and defaults it implies.

import { badTokenizer, Fields } from "./fields.js";
import type { BatchOptions } from "./options.js";
import {
  PLAIN_SETTINGS,
  readAddedTokens,
  readStageJson,
  type SourceToken,
  type SpecialTokens,
  type StagesJson,
  type TokenizerSettings,
  type TokenizerSource,
} from "./source.js";
import type { Json } from "./stages.js";
import type { TruncationStrategy } from "./truncation.js";

const STRATEGIES = {
  LongestFirst: "longest_first",
  OnlyFirst: "only_first",
  OnlySecond: "only_second",
} as const;
const SIDES = { Left: "left", Right: "right" } as const;

// What special tokens are called where nothing else says what they are for.
const USUAL_NAMES: Record<keyof SpecialTokens, readonly string[]> = {
  bos: ["<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"],
  eos: ["</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"],
  unk: ["[UNK]", "<unk>"],
  sep: ["[SEP]", "</s>"],
  pad: ["[PAD]", "<pad>", "<|pad|>"],
  cls: ["[CLS]", "<s>"],
  mask: ["[MASK]", "<mask>"],
};

/**
 * Reads tokenizer.json: the text of the file or the parsed object.
 *
 * @throws AthanorError ERR_TOKENIZER: no JSON, another version, parts of the wrong kind.
 */
export function sourceFromJson(json: unknown): TokenizerSource {
  const fields = new Fields("tokenizer.json", typeof json === "string" ? parsed(json) : json);
  if (fields.string("version", "1.0") !== "1.0") throw fields.wrong("version", '"1.0"');
  if (!fields.has("model")) throw fields.wrong("model", "an object");
  const added = readAddedTokens(fields);
  const stages: StagesJson = {
    normalizer: readStageJson(fields, "normalizer"),
    pre_tokenizer: readStageJson(fields, "pre_tokenizer"),
    post_processor: readStageJson(fields, "post_processor"),
    decoder: readStageJson(fields, "decoder"),
    model: fields.object("model").json,
  };
  return { stages, added, settings: readSettings(fields, stages, added) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const error = badTokenizer("tokenizer.json", "JSON", "a text that is none");
    error.cause = cause;
    throw error;
  }
}

function readSettings(fields: Fields, stages: StagesJson, added: readonly SourceToken[]): TokenizerSettings {
  const settings: TokenizerSettings = { ...PLAIN_SETTINGS, special: usualSpecialTokens(stages, added) };
  const defaults: BatchOptions = {};
  if (fields.has("truncation")) {
    const truncation = fields.object("truncation");
    const strategy = truncation.choice("strategy", Object.keys(STRATEGIES) as (keyof typeof STRATEGIES)[]);
    defaults.truncation = STRATEGIES[strategy] satisfies TruncationStrategy;
    defaults.maxLength = truncation.count("max_length");
    defaults.stride = truncation.count("stride", 0);
    settings.truncationSide = SIDES[truncation.choice("direction", ["Left", "Right"], "Right")];
  }
  if (fields.has("padding")) {
    const padding = fields.object("padding");
    Object.assign(defaults, paddingDefaults(padding, defaults.maxLength));
    settings.paddingSide = SIDES[padding.choice("direction", ["Left", "Right"], "Right")];
    settings.padTypeId = padding.count("pad_type_id", 0);
    settings.special.pad = padding.string("pad_token", "[PAD]");
  }
  return { ...settings, defaults };
}

// A fixed length of padding that is not the length of truncation cannot be told in one `maxLength`.
function paddingDefaults(padding: Fields, maxLength: number | undefined): BatchOptions {
  const multiple = padding.has("pad_to_multiple_of") ? padding.count("pad_to_multiple_of") : 0;
  const more = multiple > 0 ? { padToMultipleOf: multiple } : {};
  if (padding.get("strategy") === "BatchLongest") return { padding: "longest", ...more };
  const length = padding.object("strategy").count("Fixed");
  if (maxLength !== undefined && maxLength !== length) {
    throw padding.wrong("strategy", `"BatchLongest" or { "Fixed": ${maxLength} }, the length of truncation`);
  }
  const fixed: BatchOptions = { padding: "max_length", maxLength: length, ...more };
  // A length for padding is none for truncation
  return maxLength === undefined ? { ...fixed, truncation: false } : fixed;
}

function usualSpecialTokens(stages: StagesJson, added: readonly SourceToken[]): SpecialTokens {
  const known = new Set(added.filter((token) => token.special).map((token) => token.content));
  const special: SpecialTokens = {};
  for (const name of Object.keys(USUAL_NAMES) as (keyof SpecialTokens)[]) {
    special[name] = USUAL_NAMES[name].find((token) => known.has(token)) ?? null;
  }
  if (typeof stages.model.unk_token === "string") special.unk = stages.model.unk_token;
  const { post_processor: processor } = stages;
  for (const name of ["cls", "sep"] as const) {
    const token = firstOf(processor?.[name]);
    if (token !== null) special[name] = token;
  }
  return special;
}

function firstOf(value: unknown): string | null {
  return Array.isArray(value) && typeof value[0] === "string" ? value[0] : null;
}

/** Whether a stage, or one of those it is made of, has this type. */
export function findStages(stage: Json | null, types: readonly string[]): Json[] {
  if (stage === null) return [];
  if (types.includes(stage.type as string)) return [stage];
  const parts = stage.normalizers ?? stage.pretokenizers ?? stage.processors ?? stage.decoders;
  return Array.isArray(parts) ? parts.flatMap((part) => findStages(part as Json, types)) : [];
}
