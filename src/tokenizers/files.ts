// Reading and writing the small files of a tokenizer.

import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AthanorError } from "../errors.js";
import { type AddedToken, addedTokenJson } from "./added-tokens.js";
import type { Stages, TokenizerSettings } from "./source.js";

/** The names of the files in a folder. Throws ERR_TOKENIZER when it cannot be read. */
export async function listFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: needed a folder that can be read, got ${folder}`, {
      cause,
    });
  }
}

/** A file as it is. Throws ERR_TOKENIZER when it cannot be read. */
export async function readBytes(folder: string, name: string): Promise<Uint8Array> {
  const path = join(folder, name);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${path} must be a file that can be read`, { cause });
  }
}

/** A file as text. Throws ERR_TOKENIZER when it cannot be read or is not UTF-8. */
export async function readText(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${path} must be a UTF-8 text file that can be read`, {
      cause,
    });
  }
}

/** A file as a JSON object. Throws ERR_TOKENIZER when it is not one. */
export async function readJsonObject(folder: string, name: string): Promise<Record<string, unknown>> {
  const text = await readText(folder, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${join(folder, name)} must be JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${join(folder, name)} must hold a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** Writes files into a folder. Each is complete before it takes its name: a reader never sees half a file. */
export async function replaceFiles(
  folder: string,
  files: Record<string, string | Uint8Array>,
): Promise<void> {
  const mark = `.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  const names = Object.keys(files);
  try {
    await mkdir(folder, { recursive: true });
    for (const name of names) await writeFile(join(folder, name + mark), files[name], { flush: true });
    for (const name of names) await rename(join(folder, name + mark), join(folder, name));
  } catch (cause) {
    for (const name of names) await rm(join(folder, name + mark), { force: true }).catch(() => {});
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${folder} must be a folder that can be written`, {
      cause,
    });
  }
}

/**
 * The files from which Transformers loads a tokenizer: tokenizer.json, tokenizer_config.json,
 * special_tokens_map.json, and the vocabulary in the form of its family.
 */
export function tokenizerFiles(
  json: string,
  { model, added }: Stages,
  settings: TokenizerSettings,
): Record<string, string> {
  const config = configFiles(added.all, settings);
  return { ...model.vocabularyFiles(), ...config, "tokenizer.json": `${json}\n` };
}

/** tokenizer_config.json and special_tokens_map.json. */
export function configFiles(
  added: readonly AddedToken[],
  settings: TokenizerSettings,
): Record<string, string> {
  const { special, modelMaxLength } = settings;
  const names: Record<string, string> = {};
  for (const [name, token] of Object.entries(special)) if (token) names[`${name}_token`] = token;
  const known = new Set(Object.values(names));
  const further = added.filter((token) => token.special && !known.has(token.content));
  const additional =
    further.length === 0 ? {} : { additional_special_tokens: further.map((token) => token.content) };
  const config = {
    tokenizer_class: settings.className,
    ...settings.config,
    clean_up_tokenization_spaces: settings.cleanUpTokenizationSpaces,
    // Transformers writes "no limit" as this number
    model_max_length: Number.isFinite(modelMaxLength) ? modelMaxLength : 1e30,
    padding_side: settings.paddingSide,
    truncation_side: settings.truncationSide,
    ...names,
    ...additional,
    added_tokens_decoder: Object.fromEntries(added.map((token) => [token.id, addedTokenJson(token)])),
  };
  return {
    "special_tokens_map.json": pretty({ ...names, ...additional }),
    "tokenizer_config.json": pretty(config),
  };
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
