// A folder with tokenizer.json: the stages from there, names and lengths from tokenizer_config.json.

import { findStages, sourceFromJson } from "../from-json.js";
import { wrong } from "../options.js";
import type { SourceToken, StagesJson } from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { FamilyOptions, JsonAdjustment } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { checkFamilyOptions, type OptionKind } from "./options.js";
import { folderSettings, folderTokens } from "./settings.js";

// Options that change stages of tokenizer.json: which stages, and which field.
const STAGE_OPTIONS: Record<string, { types: readonly string[]; field: string; kind: OptionKind }> = {
  doLowerCase: { types: ["BertNormalizer"], field: "lowercase", kind: "boolean" },
  stripAccents: { types: ["BertNormalizer"], field: "strip_accents", kind: "boolean or null" },
  tokenizeChineseChars: { types: ["BertNormalizer"], field: "handle_chinese_chars", kind: "boolean" },
  cleanText: { types: ["BertNormalizer"], field: "clean_text", kind: "boolean" },
  addPrefixSpace: { types: ["ByteLevel", "RobertaProcessing"], field: "add_prefix_space", kind: "boolean" },
};
const TOKEN_OPTIONS = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map((role): [string, OptionKind] => [
  `${role}Token`,
  "token",
]);

/**
 * Loads tokenizer.json. Truncation and padding saved in it count for nothing, as in Transformers, but their
 * sides do.
 */
export async function tokenizerFromJsonFolder(
  folder: TokenizerFolder,
  options: FamilyOptions,
  adjustment?: JsonAdjustment,
): Promise<Tokenizer> {
  const kinds = Object.fromEntries([
    ...Object.entries(STAGE_OPTIONS).map(([name, { kind }]): [string, OptionKind] => [name, kind]),
    ...TOKEN_OPTIONS,
    ...Object.entries(adjustment?.options ?? {}),
  ]);
  checkFamilyOptions("AutoTokenizer", options, kinds);
  const source = sourceFromJson(await folder.text("tokenizer.json"));
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(STAGE_OPTIONS, name) && value !== undefined) setField(source.stages, name, value);
  }
  const settings = folderSettings(folder, options, { ...source.settings, defaults: {} });
  const named = folderTokens(folder, options, settings.special);
  const known = new Set(source.added.map((token) => token.content));
  const more = named.tokens.filter((token) => !known.has(token.content));
  const added: SourceToken[] = [...source.added, ...more];
  const loaded = { stages: source.stages, added, settings: { ...settings, special: named.special } };
  return new Tokenizer(partsOf(adjustment?.adjust(loaded, folder, options) ?? loaded));
}

function setField(stages: StagesJson, name: string, value: unknown): void {
  const { types, field } = STAGE_OPTIONS[name];
  const all: (Json | null)[] = [stages.normalizer, stages.pre_tokenizer, stages.post_processor];
  const found = all.flatMap((stage) => findStages(stage, types));
  if (found.length === 0) {
    throw wrong("AutoTokenizer", name, `left out: tokenizer.json has no ${types.join(" or ")}`, value);
  }
  for (const stage of found) stage[field] = value;
}
