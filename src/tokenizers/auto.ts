// Finds out which tokenizer a folder holds, and loads it.

import { AthanorError } from "../errors.js";
import type { AlbertTokenizerOptions } from "./families/albert.js";
import type { BertTokenizerOptions } from "./families/bert.js";
import { openFolder, type TokenizerFolder } from "./families/folder.js";
import { familyFromFolder } from "./families/index.js";
import { tokenizerFromJsonFolder } from "./families/json-folder.js";
import type { MbartTokenizerOptions } from "./families/mbart.js";
import type { T5TokenizerOptions } from "./families/t5.js";
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
    Pick<MbartTokenizerOptions, "srcLang" | "tgtLang"> {
  class?: string;
  /** Treat a text as if it began with a blank (byte-level tokenizers). */
  addPrefixSpace?: boolean;
  bosToken?: string;
  eosToken?: string;
}

// What a folder may hold, for the message when it is not what was needed.
const FILES = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "spiece.model",
  "sentencepiece.bpe.model",
  "source.spm",
  "target.spm",
];

/** Loads the tokenizer of a folder. */
export const AutoTokenizer = {
  /**
   * Loads a tokenizer from a folder as Transformers saves it: from `tokenizer.json` if it is there, else from
   * the files of its family, which `class`, `tokenizer_config.json`, `config.json` or the files themselves
   * tell. `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` are honoured. With
   * `class`, the family's own files come before `tokenizer.json`.
   *
   * @throws AthanorError ERR_TOKENIZER (rejection): the folder cannot be read or holds no such tokenizer.
   *   ERR_ARGUMENT: unknown options.
   * @example
   * const tokenizer = await AutoTokenizer.fromPretrained("models/bert-base-uncased");
   */
  async fromPretrained(path: string, options: AutoTokenizerOptions = {}): Promise<Tokenizer> {
    const who = "AutoTokenizer.fromPretrained";
    if (typeof path !== "string" || path === "") throw wrong(who, "folder", "a path", path);
    checkObject(who, options);
    const { class: wanted, ...overrides } = options;
    if (wanted !== undefined && typeof wanted !== "string") throw wrong(who, "class", "a string", wanted);
    const folder = await openFolder(path);
    const hasJson = folder.names.includes("tokenizer.json");
    const stated = wanted ?? folder.config.tokenizer_class;
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
  const here = names.filter((name) => FILES.includes(name));
  const found = here.length === 0 ? "no file of a tokenizer" : here.join(", ");
  const named = kind === undefined || kind === null ? "" : ` of a ${JSON.stringify(kind)}`;
  const needed = files?.join(" and ") ?? "tokenizer.json or the files of a family of tokenizers known here";
  return new AthanorError(
    "ERR_TOKENIZER",
    `AutoTokenizer.fromPretrained: ${path} must hold ${needed}, got ${found}${named}`,
  );
}
