// Tokenizers. Pure TypeScript: loads without the native addon.

export type { HubOptions, HubProgress } from "../hub/index.js";
export type { AddedTokenOptions } from "./added-tokens.js";
export { AutoTokenizer, type AutoTokenizerOptions } from "./auto.js";
export type { TextOrPair } from "./batch.js";
export { Encoding } from "./encoding.js";
export { BertTokenizer, type BertTokenizerOptions } from "./families/bert.js";
export type { BatchOptions, EncodeOptions } from "./options.js";
export { Tokenizer } from "./tokenizer.js";
export * from "./trainers/index.js";
export type { Side, TruncationStrategy } from "./truncation.js";
