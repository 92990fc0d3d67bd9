// Finds out which tokenizer a folder holds, and loads it.

import { AthanorError } from "../errors.js";
import { type HubOptions, pretrainedFolder, takeHubOptions } from "../hub/index.js";
import type { AlbertTokenizerOptions } from "./families/albert.js";
import type { BertTokenizerOptions } from "./families/bert.js";
import { openFolder, type TokenizerFolder } from "./families/folder.js";
import { familyFromFolder } from "./families/index.js";
import { tokenizerFromJsonFolder } from "./families/json-folder.js";
import type { MbartTokenizerOptions } from "./families/mbart.js";
import type { T5TokenizerOptions } from "./families/t5.js";
import { TOKENIZER_FILES, VOCABULARY_FILES } from "./hub-files.js";
import { checkObject, wrong } from "./options.js";
import type { Tokenizer } from "./tokenizer.js";

/**
 * Options of `fromPretrained`: `class` names the tokenizer class, the others are those of
 * tokenizer_config.json in camel case and override the folder. Which there are depends on the family.
 */
export interface AutoTokenizerOptions
  extends BertTokenizerOptions,
    Pick<AlbertTokenizerOptions, "keepAccents">,
    Pick<T5TokenizerOptions, "extraIds">,
    Pick<MbartTokenizerOptions, "srcLang" | "tgtLang">,
    HubOptions {
  class?: string;
  /** Treat a text as if it began with a blank (byte-level tokenizers). */
  addPrefixSpace?: boolean;
  bosToken?: string;
  eosToken?: string;
}

/** Loads the tokenizer of a folder or of a repository of the Hub. */
export const AutoTokenizer = {
  /**
   * Loads a tokenizer from a folder as Transformers saves it, or from the repository of the Hugging Face Hub that
   * has this name (`"org/name"`; fetched into the Hub's cache, see docs/data.md): from `tokenizer.json` if it is there, else from
   * the files of its family, which `class`, `tokenizer_config.json`, `config.json` or the files themselves
   * tell. `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` are honoured. With
   * `class`, the family's own files come before `tokenizer.json`.
   *
   * @throws AthanorError ERR_TOKENIZER (rejection): the folder cannot be read or holds no such tokenizer.
   *   ERR_HUB: neither a folder nor a repository that can be fetched. ERR_ABORTED: by the signal. ERR_ARGUMENT:
   *   unknown options.
   * @example
   * const tokenizer = await AutoTokenizer.fromPretrained("models/bert-base-uncased");
   */
  async fromPretrained(name: string, options: AutoTokenizerOptions = {}): Promise<Tokenizer> {
    const who = "AutoTokenizer.fromPretrained";
    if (typeof name !== "string" || name === "") throw wrong(who, "folder", "a path", name);
    checkObject(who, options);
    const { hub, rest } = takeHubOptions(who, options);
    const { class: wanted, ...overrides } = rest;
    if (wanted !== undefined && typeof wanted !== "string") throw wrong(who, "class", "a string", wanted);
    const folder = await openFolder(await pretrainedFolder(who, name, TOKENIZER_FILES, hub));
    const hasJson = folder.names.includes("tokenizer.json");
    const stated = wanted ?? folder.config.tokenizer_class ?? folder.model.tokenizer_class;
    if (hasJson && wanted === undefined) {
      const named = typeof stated === "string" ? familyFromFolder(folder, stated) : null;
      return await tokenizerFromJsonFolder(folder, overrides, named?.json);
    }
    const family = familyFromFolder(folder, typeof stated === "string" ? stated : undefined);
    if (family?.files.every((name) => folder.names.includes(name))) {
      return await family.load(folder, overrides);
    }
    if (hasJson && family !== null) return await tokenizerFromJsonFolder(folder, overrides);
    throw unsupported(folder, stated ?? folder.model.model_type, family?.files);
  },
};

function unsupported(
  { path, names }: TokenizerFolder,
  kind: unknown,
  files: readonly string[] | undefined,
): AthanorError {
  const here = names.filter((name) => VOCABULARY_FILES.includes(name));
  const found = here.length === 0 ? "no file of a tokenizer" : here.join(", ");
  const named = kind === undefined || kind === null ? "" : ` of a ${JSON.stringify(kind)}`;
  const needed = files?.join(" and ") ?? "tokenizer.json or the files of a family of tokenizers known here";
  return new AthanorError(
    "ERR_TOKENIZER",
    `AutoTokenizer.fromPretrained: ${path} must hold ${needed}, got ${found}${named}`,
  );
}
