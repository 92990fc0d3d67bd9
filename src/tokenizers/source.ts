// What a tokenizer is built from: the stages as tokenizer.json has them, the added tokens, and what
// tokenizer_config.json says. Every family, every tokenizer.json and every worker thread goes through here.

import { AthanorError } from "../errors.js";
import {
  type AddedToken,
  type AddedTokenOptions,
  AddedTokens,
  addedToken,
  addedTokenJson,
} from "./added-tokens.js";
import { badTokenizer, Fields } from "./fields.js";
import { type Languages, targetTemplate } from "./languages.js";
import type { BatchOptions } from "./options.js";
import { plainPostProcessor } from "./post-processors/template.js";
import { readDecoder, readModel, readNormalizer, readPostProcessor, readPreTokenizer } from "./registry.js";
import type { Decoder, Json, Model, Normalizer, PostProcessor, PreTokenizer } from "./stages.js";
import type { Side } from "./truncation.js";

/** The names of the special tokens that a tokenizer may have. */
export interface SpecialTokens {
  bos?: string | null;
  eos?: string | null;
  unk?: string | null;
  sep?: string | null;
  pad?: string | null;
  cls?: string | null;
  mask?: string | null;
}

/** What the stages do not say. */
export interface TokenizerSettings {
  /** `tokenizer_class` of tokenizer_config.json. */
  className: string;
  special: SpecialTokens;
  /** Infinity when the model has no limit. */
  modelMaxLength: number;
  truncationSide: Side;
  paddingSide: Side;
  /** The type id of padding. */
  padTypeId: number;
  cleanUpTokenizationSpaces: boolean;
  /** What `encode` does unless told otherwise. */
  defaults: BatchOptions;
  /** Further entries of tokenizer_config.json, as they are to be saved. */
  config: Json;
}

/** Settings of a tokenizer of which nothing is known. */
export const PLAIN_SETTINGS: TokenizerSettings = {
  className: "PreTrainedTokenizerFast",
  special: {},
  modelMaxLength: Number.POSITIVE_INFINITY,
  truncationSide: "right",
  paddingSide: "right",
  padTypeId: 0,
  cleanUpTokenizationSpaces: false,
  defaults: {},
  config: {},
};

/** The stages of tokenizer.json; `model.vocab` may also be an array of tokens. */
export interface StagesJson {
  normalizer: Json | null;
  pre_tokenizer: Json | null;
  post_processor: Json | null;
  decoder: Json | null;
  model: Json;
}

/** An added token; an id is checked, not obeyed: ids are given as the tokenizers library gives them. */
export type SourceToken = AddedTokenOptions & { id?: number };

/** Everything a tokenizer is built from: plain data. */
export interface TokenizerSource {
  stages: StagesJson;
  added: readonly SourceToken[];
  settings: TokenizerSettings;
  /** Where texts carry the code of their language; `stages` hold the template of the one that counts without a word. */
  languages?: Languages;
}

/** The stages that make tokens of one kind of text. */
export interface EncodingStages {
  normalizer: Normalizer | null;
  preTokenizer: PreTokenizer | null;
  model: Model;
  postProcessor: PostProcessor;
}

/** All stages, ready to work. */
export interface Stages extends EncodingStages {
  decoder: Decoder | null;
  added: AddedTokens;
}

/**
 * Builds the stages.
 *
 * @throws AthanorError ERR_TOKENIZER: a stage that is not known or not well-formed; ids that do not fit.
 */
export function buildStages({ stages, added }: TokenizerSource): Stages {
  const normalizer = stage("normalizer", stages.normalizer, readNormalizer);
  const model = readModel(new Fields("tokenizer.json: model", stages.model));
  return {
    normalizer,
    preTokenizer: stage("pre_tokenizer", stages.pre_tokenizer, readPreTokenizer),
    model,
    postProcessor: stage("post_processor", stages.post_processor, readPostProcessor) ?? plainPostProcessor(),
    decoder: stage("decoder", stages.decoder, readDecoder),
    added: new AddedTokens(withIds(added, model), normalizer),
  };
}

/** The stages for target text; null where they are the same. */
export function targetStages(stages: Stages, languages: Languages | undefined): EncodingStages | null {
  if (!languages) return null;
  const read = stage("post_processor", targetTemplate(languages), readPostProcessor);
  return { ...stages, postProcessor: read ?? stages.postProcessor };
}

/** tokenizer.json of a tokenizer. */
export function tokenizerJson(stages: StagesJson, model: Model, added: AddedTokens): Json {
  const tokens = added.all.toSorted((a, b) => a.id - b.id);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: tokens.map((token) => ({ id: token.id, ...addedTokenJson(token) })),
    normalizer: stages.normalizer,
    pre_tokenizer: stages.pre_tokenizer,
    post_processor: stages.post_processor,
    decoder: stages.decoder,
    model: model.toJson(),
  };
}

function stage<T>(name: string, json: Json | null, read: (fields: Fields) => T): T | null {
  return json === null ? null : read(new Fields(`tokenizer.json: ${name}`, json));
}

/**
 * Added tokens with their ids. A token of the model keeps its id; the others get the next ones, in order. The
 * last of several with the same text counts.
 */
export function withIds(tokens: readonly SourceToken[], model: Model): AddedToken[] {
  const found = new Map<string, AddedToken>();
  let next = tokens.length === 0 ? 0 : firstFree(model);
  for (const { id: stated, ...options } of tokens) {
    if (options.content === "") continue;
    const id = found.get(options.content)?.id ?? model.tokenToId(options.content) ?? next++;
    if (stated !== undefined && stated !== id) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `added token ${JSON.stringify(options.content)}: its id must be ${id}, its place in the vocabulary ` +
          `or the next one after it, got ${stated}`,
      );
    }
    found.set(options.content, addedToken(options, id));
  }
  return [...found.values()];
}

// The tokenizers library counts tokens, so that ids after a vocabulary with gaps could come out twice.
function firstFree(model: Model): number {
  return model.size;
}

/** The error that a special token is missing. */
export function missingToken(who: string, token: string, size: number): AthanorError {
  return new AthanorError(
    "ERR_TOKENIZER",
    `${who}: the vocabulary must hold ${JSON.stringify(token)}, got ${size} tokens without it`,
  );
}

/** The added tokens of a tokenizer.json. */
export function readAddedTokens(fields: Fields): SourceToken[] {
  if (!fields.has("added_tokens")) return [];
  return fields.objects("added_tokens").map((token) => ({
    id: token.count("id"),
    content: token.string("content"),
    special: token.boolean("special", false),
    normalized: token.boolean("normalized", !token.boolean("special", false)),
    lstrip: token.boolean("lstrip", false),
    rstrip: token.boolean("rstrip", false),
    singleWord: token.boolean("single_word", false),
  }));
}

/** A field of tokenizer.json that holds a stage or null. */
export function readStageJson(fields: Fields, name: string): Json | null {
  const value = fields.get(name);
  if (value === undefined) return null;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw badTokenizer(`${fields.place}: ${name}`, "an object or null", value);
  }
  return value as Json;
}
