// What another thread needs to build the same tokenizer: plain data, cheap to send.

import { buildMarian, type MarianDefinition } from "./families/marian.js";
import { sourceFromJson } from "./from-json.js";
import type { Languages } from "./languages.js";
import {
  buildStages,
  type EncodingStages,
  type Stages,
  type TokenizerSettings,
  targetStages,
} from "./source.js";

/** A tokenizer of stages: its tokenizer.json as text (its parse is cheaper than a copy of the object). */
export interface JsonDefinition {
  kind: "json";
  json: string;
  settings: TokenizerSettings;
  languages?: Languages;
}

/** A kind of tokenizer for each way to build one. */
export type TokenizerDefinition = JsonDefinition | MarianDefinition;

/** What a definition builds. `target`: the stages for target text, where a family has its own. */
export interface BuiltTokenizer {
  stages: Stages;
  target: EncodingStages | null;
  settings: TokenizerSettings;
  languages?: Languages;
}

/** Builds the tokenizer again. */
export function build(definition: TokenizerDefinition): BuiltTokenizer {
  if (definition.kind === "marian") return buildMarian(definition);
  const stages = buildStages(sourceFromJson(definition.json));
  const { settings, languages } = definition;
  return { stages, target: targetStages(stages, languages), settings, languages };
}
