// The families of tokenizers that load without tokenizer.json. The only list: a new family is one line here.

import { albertFamily } from "./albert.js";
import { bertFamily } from "./bert-folder.js";
import { gpt2Family, robertaFamily, unnamedByteLevelFamily } from "./byte-level.js";
import type { Family } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { marianFamily } from "./marian.js";
import { mbart50Family, mbartFamily } from "./mbart.js";
import { t5Family } from "./t5.js";
import { xlmRobertaFamily } from "./xlm-roberta.js";

// Where a folder names no class, the first whose files are all there is taken.
const FAMILIES: readonly Family[] = [
  bertFamily,
  // Before the two of which the files do not tell which one it is
  unnamedByteLevelFamily,
  gpt2Family,
  robertaFamily,
  t5Family,
  albertFamily,
  xlmRobertaFamily,
  mbartFamily,
  mbart50Family,
  marianFamily,
];

/** The family of a folder: by class, else by model type, else by its files; null if there is none. */
export function familyFromFolder(folder: TokenizerFolder, className: string | undefined): Family | null {
  if (className !== undefined) {
    const name = className.replace(/Fast$/, "");
    const found = FAMILIES.find(({ classes }) => classes.includes(name));
    // A class that says nothing, such as PreTrainedTokenizerFast
    if (found !== undefined || !/^PreTrainedTokenizer$|^TokenizersBackend$/.test(name)) return found ?? null;
  }
  const type = folder.model.model_type;
  if (typeof type === "string") {
    return FAMILIES.find(({ modelTypes }) => modelTypes.includes(type)) ?? null;
  }
  return FAMILIES.find(({ files }) => files.every((name) => folder.names.includes(name))) ?? null;
}
