// Finds out which tokenizer a folder holds, and loads it.

import { AthanorError } from "../errors.js";
import { BertTokenizer, type BertTokenizerOptions } from "./bert.js";
import { bertOptions } from "./bert-config.js";
import { listFiles, readJsonObject, readText } from "./files.js";
import { checkObject, wrong } from "./options.js";
import type { Tokenizer } from "./tokenizer.js";

/** Options of `fromPretrained`: `class` names the tokenizer class, others override the folder. */
export interface AutoTokenizerOptions extends BertTokenizerOptions {
  class?: string;
}

// Names of tokenizer_config.json, and of config.json (model_type), for BERT's tokenizer. "Fast" is the same
// one.
const BERT_CLASSES = new Set(
  ["Bert", "DistilBert", "Electra", "MobileBert"].map((name) => `${name}Tokenizer`),
);
const BERT_MODELS = new Set(["bert", "distilbert", "electra", "mobilebert"]);

// What a folder may hold, for the message when it is not what was needed.
const FILES = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "spiece.model",
  "source.spm",
  "target.spm",
];

/** Loads the tokenizer of a folder. */
export const AutoTokenizer = {
  /**
   * Loads a tokenizer from a folder as Transformers saves it. So far: BERT's, from `vocab.txt`, with
   * `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` where they exist.
   *
   * @throws AthanorError ERR_TOKENIZER (rejection): the folder cannot be read or holds no such tokenizer.
   *   ERR_ARGUMENT: unknown options.
   * @example
   * const tokenizer = await AutoTokenizer.fromPretrained("models/bert-base-uncased");
   */
  async fromPretrained(folder: string, options: AutoTokenizerOptions = {}): Promise<Tokenizer> {
    const who = "AutoTokenizer.fromPretrained";
    if (typeof folder !== "string" || folder === "") throw wrong(who, "folder", "a path", folder);
    checkObject(who, options);
    const { class: wanted, ...overrides } = options;
    const names = await listFiles(folder);
    const optional = async (name: string): Promise<Record<string, unknown>> =>
      names.includes(name) ? readJsonObject(folder, name) : {};
    const config = await optional("tokenizer_config.json");
    const kind = wanted ?? config.tokenizer_class ?? (await optional("config.json")).model_type;
    if (!isBert(kind) || !names.includes("vocab.txt")) throw unsupported(folder, names, kind);
    const tokens = vocabularyLines(await readText(folder, "vocab.txt"));
    const specialTokensMap = await optional("special_tokens_map.json");
    const addedTokens = await optional("added_tokens.json");
    const fromFolder = bertOptions(tokens, { config, specialTokensMap, addedTokens });
    return BertTokenizer.fromVocabulary(tokens, { ...fromFolder, ...overrides });
  },
};

// A folder that does not say is taken for what its files are.
function isBert(kind: unknown): boolean {
  if (kind === undefined || kind === null) return true;
  return typeof kind === "string" && (BERT_MODELS.has(kind) || BERT_CLASSES.has(kind.replace(/Fast$/, "")));
}

function unsupported(folder: string, names: string[], kind: unknown): AthanorError {
  const here = names.filter((name) => FILES.includes(name));
  const found = here.length === 0 ? "no file of a tokenizer" : here.join(", ");
  const named = kind === undefined || kind === null ? "" : ` of a ${JSON.stringify(kind)}`;
  return new AthanorError(
    "ERR_TOKENIZER",
    `AutoTokenizer.fromPretrained: ${folder} must hold vocab.txt of a BERT tokenizer, got ${found}${named}`,
  );
}

// One token per line. Only a line feed ends a line: U+2028 and the like are tokens of real vocabularies.
function vocabularyLines(text: string): string[] {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
