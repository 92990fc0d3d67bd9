// The files of a tokenizer's folder, as far as they are there.

import { listFiles, readBytes, readJsonObject, readText } from "../files.js";
import type { Json } from "../stages.js";

/** A folder with the small JSON files read; one that is absent is empty. */
export interface TokenizerFolder {
  readonly path: string;
  /** Names of all files. */
  readonly names: readonly string[];
  /** tokenizer_config.json. */
  readonly config: Json;
  readonly specialTokensMap: Json;
  /** added_tokens.json: ids by token, of older versions. */
  readonly addedTokens: Json;
  /** config.json of the model. */
  readonly model: Json;
  /** A file as text, JSON object or bytes. Throws ERR_TOKENIZER when it cannot be read as such. */
  text(name: string): Promise<string>;
  json(name: string): Promise<Json>;
  bytes(name: string): Promise<Uint8Array>;
}

/** Opens a folder. Throws ERR_TOKENIZER when it, or one of its JSON files, cannot be read. */
export async function openFolder(path: string): Promise<TokenizerFolder> {
  const names = await listFiles(path);
  const optional = async (name: string): Promise<Json> =>
    names.includes(name) ? await readJsonObject(path, name) : {};
  return {
    path,
    names,
    config: await optional("tokenizer_config.json"),
    specialTokensMap: await optional("special_tokens_map.json"),
    addedTokens: await optional("added_tokens.json"),
    model: await optional("config.json"),
    text: (name) => readText(path, name),
    json: (name) => readJsonObject(path, name),
    bytes: (name) => readBytes(path, name),
  };
}

/** The lines of a vocabulary. Only a line feed ends a line: U+2028 and the like are tokens of real ones. */
export function vocabularyLines(text: string): string[] {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
