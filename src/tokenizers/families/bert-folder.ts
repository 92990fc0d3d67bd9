// The folder of a BERT tokenizer without tokenizer.json: vocab.txt and what tokenizer_config.json says.

import { BertTokenizer, checkBertOptions } from "./bert.js";
import { bertOptions } from "./bert-config.js";
import type { Family } from "./family.js";
import { vocabularyLines } from "./folder.js";

/** BERT and the models that took over its tokenizer. */
export const bertFamily: Family = {
  classes: [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "MobileBertTokenizer",
    "LxmertTokenizer",
  ],
  modelTypes: ["bert", "distilbert", "electra", "mobilebert", "lxmert"],
  files: ["vocab.txt"],
  async load(folder, options) {
    checkBertOptions("AutoTokenizer", options);
    const tokens = vocabularyLines(await folder.text("vocab.txt"));
    const { config, specialTokensMap, addedTokens } = folder;
    const found = bertOptions(tokens, { config, specialTokensMap, addedTokens });
    return BertTokenizer.fromVocabulary(tokens, { ...found, ...options });
  },
};
