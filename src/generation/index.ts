export type { GenerationExample, GenerationResult, StreamedToken } from "./generate.js";
export type { GenerateOptions, GenerationConfig, TokenDecoder } from "./options.js";
export type { PrefixAllowedTokens } from "./processors/bans.js";
export type { LogitsContext, LogitsProcessor } from "./processors/processor.js";
