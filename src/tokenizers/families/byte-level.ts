// The tokenizers of GPT-2 and of RoBERTa and BART: byte-level BPE from vocab.json and merges.txt. They differ in
// their special tokens alone.

import { badTokenizer } from "../fields.js";
import {
  missingToken,
  PLAIN_SETTINGS,
  type SourceToken,
  type SpecialTokens,
  type StagesJson,
  type TokenizerSource,
} from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { Family, FamilyOptions } from "./family.js";
import { type TokenizerFolder, vocabularyLines } from "./folder.js";
import { checkFamilyOptions, type OptionKind } from "./options.js";
import { folderSettings, folderTokens } from "./settings.js";

const FILES = ["vocab.json", "merges.txt"];
const OWN_OPTIONS: Readonly<Record<string, OptionKind>> = {
  addPrefixSpace: "boolean",
  bosToken: "token",
  eosToken: "token",
  unkToken: "token",
  sepToken: "token",
  padToken: "token",
  clsToken: "token",
  maskToken: "token",
};
const GPT2_TOKENS: SpecialTokens = { bos: "<|endoftext|>", eos: "<|endoftext|>", unk: "<|endoftext|>" };
const ROBERTA_TOKENS: SpecialTokens = {
  bos: "<s>",
  eos: "</s>",
  unk: "<unk>",
  sep: "</s>",
  pad: "<pad>",
  cls: "<s>",
  mask: "<mask>",
};

/** GPT-2 and the models that took over its tokenizer: no special token is added. */
export const gpt2Family: Family = {
  classes: ["GPT2Tokenizer"],
  modelTypes: ["gpt2", "gpt_neo"],
  files: FILES,
  load: (folder, options) => load("GPT2Tokenizer", folder, options),
};

/** RoBERTa and BART: `<s> A </s>`, `<s> A </s></s> B </s>`. */
export const robertaFamily: Family = {
  classes: ["RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer"],
  modelTypes: ["roberta", "bart", "longformer", "led", "mvp"],
  files: FILES,
  load: (folder, options) => load("RobertaTokenizer", folder, options),
};

/**
 * Where neither class nor model is named: the tokens tell which of the two it is. RoBERTa's vocabularies begin
 * with its special tokens.
 */
export const unnamedByteLevelFamily: Family = {
  classes: [],
  modelTypes: [],
  files: FILES,
  async load(folder, options) {
    const vocabulary = await folder.json("vocab.json");
    const isRoberta = ["<s>", "</s>", "<pad>"].every((token) => Object.hasOwn(vocabulary, token));
    return load(isRoberta ? "RobertaTokenizer" : "GPT2Tokenizer", folder, options);
  },
};

async function load(className: string, folder: TokenizerFolder, options: FamilyOptions): Promise<Tokenizer> {
  checkFamilyOptions("AutoTokenizer", options, OWN_OPTIONS);
  const vocabulary = await folder.json("vocab.json");
  const merges = readMerges(await folder.text("merges.txt"));
  const isRoberta = className === "RobertaTokenizer";
  const defaults = isRoberta ? ROBERTA_TOKENS : GPT2_TOKENS;
  const { special, tokens } = folderTokens(folder, options, defaults);
  const prefix = options.addPrefixSpace ?? folder.config.add_prefix_space ?? false;
  if (typeof prefix !== "boolean") {
    throw badTokenizer("tokenizer_config.json: add_prefix_space", "true or false", prefix);
  }
  const plain = { ...PLAIN_SETTINGS, className, config: { add_prefix_space: prefix } };
  const source: TokenizerSource = {
    stages: stages(prefix, vocabulary, merges),
    added: tokens,
    settings: { ...folderSettings(folder, options, plain), special },
  };
  source.settings.config.add_prefix_space = prefix;
  if (isRoberta) source.stages.post_processor = robertaProcessing(special, vocabulary, tokens, prefix);
  return new Tokenizer(partsOf(source));
}

function stages(addPrefixSpace: boolean, vocabulary: Json, merges: readonly string[][]): StagesJson {
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: addPrefixSpace,
    trim_offsets: true,
    use_regex: true,
  };
  const first = { Sequence: { id: "A", type_id: 0 } };
  return {
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: "TemplateProcessing",
      single: [first],
      pair: [first, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: {},
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: { type: "BPE", vocab: vocabulary, merges },
  };
}

function robertaProcessing(
  special: SpecialTokens,
  vocabulary: Json,
  tokens: readonly SourceToken[],
  addPrefixSpace: boolean,
): Json {
  const withId = (token: string): [string, unknown] => {
    const known = Object.hasOwn(vocabulary, token) ? vocabulary[token] : undefined;
    const id = known ?? tokens.find(({ content }) => content === token)?.id;
    if (id === undefined) throw missingToken("RobertaTokenizer", token, Object.keys(vocabulary).length);
    return [token, id];
  };
  return {
    type: "RobertaProcessing",
    sep: withId(special.sep!),
    cls: withId(special.cls!),
    trim_offsets: true,
    add_prefix_space: addPrefixSpace,
  };
}

// A line per merge; the first line may tell a version.
function readMerges(text: string): string[][] {
  const merges: string[][] = [];
  for (const [index, line] of vocabularyLines(text).entries()) {
    if (line.startsWith("#version") || line === "") continue;
    const pair = line.split(" ");
    if (pair.length !== 2) {
      throw badTokenizer(`merges.txt: line ${index + 1}`, "two tokens, with one blank between", line);
    }
    merges.push(pair);
  }
  return merges;
}
