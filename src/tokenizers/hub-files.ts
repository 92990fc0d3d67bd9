// The files of a tokenizer in a repository of the Hub.

import { AthanorError } from "../errors.js";
import type { WantedFiles } from "../hub/index.js";

/** Files any of which makes a tokenizer, alone or with others. */
export const VOCABULARY_FILES = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "spiece.model",
  "sentencepiece.bpe.model",
  "source.spm",
  "target.spm",
];
const SETTINGS = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"];

/** What `AutoTokenizer.fromPretrained` needs. */
export const TOKENIZER_FILES: WantedFiles = {
  what: "a tokenizer",
  choose(names) {
    const vocabulary = VOCABULARY_FILES.filter((name) => names.includes(name));
    if (vocabulary.length > 0) return [...vocabulary, ...SETTINGS.filter((name) => names.includes(name))];
    const needed = `the repository must hold one of ${VOCABULARY_FILES.join(", ")}`;
    throw new AthanorError("ERR_HUB", `${needed}, got ${names.slice(0, 12).join(", ") || "no files"}`);
  },
};
