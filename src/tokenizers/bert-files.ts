// The files of a BERT tokenizer, as Transformers reads them.

import type { AddedToken, AddedTokens } from "./added-tokens.js";
import type { BertSpecialTokens, BertTokenizerOptions } from "./bert.js";

/** vocab.txt, tokenizer_config.json, special_tokens_map.json. */
export function bertFiles(
  tokens: readonly string[],
  options: BertTokenizerOptions,
  special: BertSpecialTokens,
  added: AddedTokens,
): Record<string, string> {
  const named = Object.entries(special).filter(([, token]) => added.idOf(token) !== undefined);
  const names = Object.fromEntries(named.map(([name, token]) => [`${name}_token`, token]));
  const known = new Set(Object.values(special));
  const additional = added.all.filter((token) => token.special && !known.has(token.content));
  const further =
    additional.length === 0 ? {} : { additional_special_tokens: additional.map((t) => t.content) };
  const { modelMaxLength = Number.POSITIVE_INFINITY } = options;
  const config = {
    tokenizer_class: "BertTokenizer",
    do_lower_case: options.doLowerCase ?? true,
    strip_accents: options.stripAccents ?? null,
    tokenize_chinese_chars: options.tokenizeChineseChars ?? true,
    ...(options.cleanText === false ? { clean_text: false } : {}),
    clean_up_tokenization_spaces: options.cleanUpTokenizationSpaces ?? false,
    // Transformers writes "no limit" as this number
    model_max_length: Number.isFinite(modelMaxLength) ? modelMaxLength : 1e30,
    padding_side: options.paddingSide ?? "right",
    truncation_side: options.truncationSide ?? "right",
    ...names,
    ...further,
    added_tokens_decoder: Object.fromEntries(added.all.map((token) => [token.id, addedTokenJson(token)])),
  };
  return {
    "vocab.txt": `${tokens.join("\n")}\n`,
    "special_tokens_map.json": json({ ...names, ...further }),
    "tokenizer_config.json": json(config),
  };
}

function addedTokenJson(token: AddedToken): Record<string, unknown> {
  const { content, lstrip, normalized, rstrip, singleWord, special } = token;
  return { content, lstrip, normalized, rstrip, single_word: singleWord, special };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
