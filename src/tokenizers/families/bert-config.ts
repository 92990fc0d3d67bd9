// What tokenizer_config.json and its elder siblings say about a BERT tokenizer, as options.

import { AthanorError } from "../../errors.js";
import type { AddedTokenOptions } from "../added-tokens.js";
import type { Side } from "../truncation.js";
import type { BertTokenizerOptions } from "./bert.js";

type Json = Record<string, unknown>;

/** The parsed files of a folder; an absent one is empty. */
export interface BertConfigFiles {
  config: Json;
  specialTokensMap: Json;
  addedTokens: Json;
}

/**
 * The options that the files stand for. A value of the wrong kind passes: BertTokenizer refuses it.
 *
 * @throws AthanorError ERR_TOKENIZER: ids of added tokens that leave gaps.
 */
export function bertOptions(tokens: readonly string[], files: BertConfigFiles): BertTokenizerOptions {
  const config: Json = { ...files.specialTokensMap, ...files.config };
  const options: BertTokenizerOptions = {
    doLowerCase: config.do_lower_case as boolean | undefined,
    stripAccents: config.strip_accents as boolean | null | undefined,
    tokenizeChineseChars: config.tokenize_chinese_chars as boolean | undefined,
    cleanText: config.clean_text as boolean | undefined,
    paddingSide: config.padding_side as Side | undefined,
    truncationSide: config.truncation_side as Side | undefined,
    cleanUpTokenizationSpaces: config.clean_up_tokenization_spaces as boolean | undefined,
  };
  const length = config.model_max_length;
  // Transformers writes "no limit" as 1e30
  if (typeof length === "number" && length < 1e9) options.modelMaxLength = length;
  const added = tokensWithIds(tokens, files);
  for (const name of ["unk", "sep", "pad", "cls", "mask"] as const) {
    const value = config[`${name}_token`];
    const token = tokenOptions(value, true);
    if (token === null) continue;
    options[`${name}Token`] = token.content;
    // A name alone adds nothing to the vocabulary
    if (typeof value !== "string" && !added.has(token.content)) added.set(token.content, token);
  }
  const further = config.additional_special_tokens ?? config.extra_special_tokens;
  for (const value of Array.isArray(further) ? further : []) {
    const token = tokenOptions(value, true);
    if (token !== null && !added.has(token.content)) added.set(token.content, token);
  }
  options.addedTokens = [...added.values()];
  return options;
}

// The tokens of added_tokens_decoder and of the older added_tokens.json, in the order of their ids.
function tokensWithIds(tokens: readonly string[], files: BertConfigFiles): Map<string, AddedTokenOptions> {
  const listed: [number, AddedTokenOptions | null][] = [
    ...Object.entries((files.config.added_tokens_decoder ?? {}) as Json).map(
      ([id, value]): [number, AddedTokenOptions | null] => [Number(id), tokenOptions(value, false)],
    ),
    ...Object.entries(files.addedTokens).map(([content, id]): [number, AddedTokenOptions] => [
      Number(id),
      { content },
    ]),
  ];
  listed.sort((a, b) => a[0] - b[0]);
  const added = new Map<string, AddedTokenOptions>();
  let next = tokens.length;
  for (const [id, token] of listed) {
    if (token === null || added.has(token.content)) continue;
    // Ids are given by place: the vocabulary, then the added tokens in order. Files that say otherwise are
    // refused.
    if (id < tokens.length ? tokens[id] !== token.content : id !== next++) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `tokenizer_config.json: added token ${JSON.stringify(token.content)} must be in its place in ` +
          `vocab.txt, or follow its ${tokens.length} tokens without a gap, got id ${id}`,
      );
    }
    added.set(token.content, token);
  }
  return added;
}

function tokenOptions(value: unknown, special: boolean): AddedTokenOptions | null {
  if (typeof value === "string") return { content: value, special };
  if (typeof value !== "object" || value === null) return null;
  const token = value as Json;
  if (typeof token.content !== "string") return null;
  return {
    content: token.content,
    special: typeof token.special === "boolean" ? token.special : special,
    normalized: token.normalized as boolean | undefined,
    lstrip: token.lstrip as boolean | undefined,
    rstrip: token.rstrip as boolean | undefined,
    singleWord: token.single_word as boolean | undefined,
  };
}
