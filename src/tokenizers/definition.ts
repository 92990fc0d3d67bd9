// What another thread needs to build the same tokenizer: plain data, cheap to send.

import { sourceFromJson } from "./from-json.js";
import { buildStages, type EncodingStages, type Stages, type TokenizerSettings } from "./source.js";

/** A tokenizer of stages: its tokenizer.json as text (its parse is cheaper than a copy of the object). */
export interface JsonDefinition {
  kind: "json";
  json: string;
  settings: TokenizerSettings;
}

/** A kind of tokenizer for each way to build one. */
export type TokenizerDefinition = JsonDefinition;

/** What a definition builds. `target`: the stages for target text, where a family has its own. */
export interface BuiltTokenizer {
  stages: Stages;
  target: EncodingStages | null;
  settings: TokenizerSettings;
}

/** Builds the tokenizer again. */
export function build(definition: TokenizerDefinition): BuiltTokenizer {
  const source = sourceFromJson(definition.json);
  return { stages: buildStages(source), target: null, settings: definition.settings };
}
