// generation_config.json: read as it is, its names turned to camelCase. Checkpoints without one have such entries in
// config.json, as Transformers' `GenerationConfig.from_model_config` finds them there.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { GenerationConfig } from "./options.js";

export const generationConfigFile = "generation_config.json";

function camelCase(name: string): string {
  return name.replace(/^_/, "").replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Entries of a generation_config.json in camelCase. */
export function generationConfigOf(parsed: object): GenerationConfig {
  const entries = Object.entries(parsed).filter(([name]) => name !== "__proto__");
  return Object.fromEntries(entries.map(([name, value]) => [camelCase(name), value])) as GenerationConfig;
}

function snakeCase(name: string): string {
  return name === "fromModelConfig"
    ? "_from_model_config"
    : name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

/** The text of a generation_config.json, which Transformers loads. */
export function generationConfigText(config: GenerationConfig): string {
  const entries = Object.entries(config).map(([name, value]) => [snakeCase(name), value] as const);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

const inModelConfig = [
  ...[
    "max_length",
    "min_length",
    "early_stopping",
    "num_beams",
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
  ],
  ...["repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"],
  ...["bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens"],
  ...["begin_suppress_tokens", "num_return_sequences", "typical_p", "decoder_start_token_id"],
  ...["pad_token_id", "bos_token_id", "eos_token_id", "exponential_decay_length_penalty"],
];

/** What a model's config.json says about generating, where there is no generation_config.json. */
export function generationConfigOfModel(config: Record<string, unknown>): GenerationConfig {
  const entries = inModelConfig.filter((name) => config[name] !== undefined && config[name] !== null);
  return generationConfigOf(Object.fromEntries(entries.map((name) => [name, config[name]])));
}

/** @throws ERR_CHECKPOINT when there is a file that cannot be read */
export async function readGenerationConfig(
  folder: string,
  config: Record<string, unknown>,
): Promise<GenerationConfig> {
  const file = join(folder, generationConfigFile);
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return generationConfigOfModel(config);
    throw new AthanorError("ERR_CHECKPOINT", `${file}: must be JSON, ${(cause as Error).message}`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new AthanorError("ERR_CHECKPOINT", `${file}: must be an object`);
  }
  return generationConfigOf(parsed);
}
