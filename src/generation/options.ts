// What a call of generate may say: the entries of generation_config.json in camelCase, and what only a call can have.
import type { PrefixAllowedTokens } from "./processors/bans.js";
import type { LogitsProcessor } from "./processors/processor.js";

/** Entries of generation_config.json (`GenerationConfig` of Transformers), in camelCase. */
export interface GenerationConfig {
  /** The most tokens to generate; wins over maxLength. Without either 20, as far as the model has positions. */
  maxNewTokens?: number | null;
  /** The most tokens of a sequence, prompt or decoder start included. */
  maxLength?: number | null;
  minNewTokens?: number | null;
  minLength?: number | null;
  /** With beams: true ends at numBeams finished hypotheses, false when none is likely to get better, "never" when none can. */
  earlyStopping?: boolean | "never" | null;
  /** Texts that end a sequence as soon as it contains them; needs `tokenizer`. */
  stopStrings?: string | string[] | null;
  doSample?: boolean | null;
  /** 1: greedy or sampling. */
  numBeams?: number | null;
  numReturnSequences?: number | null;
  /** Sampling: scores are divided by it; above 0, default 1. */
  temperature?: number | null;
  /** Sampling: from so many of the likeliest tokens; default 50, 0 for all. */
  topK?: number | null;
  /** Sampling: from the likeliest tokens that have this probability together; default 1. */
  topP?: number | null;
  minP?: number | null;
  typicalP?: number | null;
  epsilonCutoff?: number | null;
  etaCutoff?: number | null;
  repetitionPenalty?: number | null;
  encoderRepetitionPenalty?: number | null;
  /** With beams: scores are divided by length to this power; default 1. */
  lengthPenalty?: number | null;
  noRepeatNgramSize?: number | null;
  encoderNoRepeatNgramSize?: number | null;
  badWordsIds?: number[][] | null;
  /** Pairs of tokens and what completing them adds to the score. */
  sequenceBias?: [number[], number][] | null;
  renormalizeLogits?: boolean | null;
  removeInvalidValues?: boolean | null;
  forcedBosTokenId?: number | null;
  forcedEosTokenId?: number | number[] | null;
  /** From so many new tokens on the end gets likelier, by this factor per token. */
  exponentialDecayLengthPenalty?: [number, number] | null;
  suppressTokens?: number[] | null;
  beginSuppressTokens?: number[] | null;
  padTokenId?: number | null;
  bosTokenId?: number | null;
  eosTokenId?: number | number[] | null;
  decoderStartTokenId?: number | null;
  /** Keep keys and values of the past; default true. Without, every step computes all anew: for tests. */
  useCache?: boolean | null;
}

/** Makes text of tokens: a Tokenizer. */
export interface TokenDecoder {
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string;
}

/** Options of `model.generate`: those of the model's generation_config.json win over the defaults, these over both. */
export interface GenerateOptions extends GenerationConfig {
  /** Sampling draws by Philox from this seed, the example's number and the token's place; default 0. */
  seed?: number;
  /** Ends the work with ERR_ABORTED. */
  signal?: AbortSignal;
  /** Applied after the processors that the options ask for and before sampling's. */
  processors?: LogitsProcessor[];
  prefixAllowedTokens?: PrefixAllowedTokens;
  /** For stopStrings. */
  tokenizer?: TokenDecoder;
  /** The most hypotheses computed at once, beams counted; default 128. Others wait until some have finished. */
  batchRows?: number;
  /** @internal False: all logits are read and processed in TypeScript, for tests of one against the other. */
  useNativeScores?: boolean;
}

/** Names of generation_config.json that have no part in what is generated here. */
export const harmlessEntries = new Set([
  "cacheImplementation",
  "cacheConfig",
  "returnLegacyCache",
  "prefillChunkSize",
  "compileConfig",
  "disableCompile",
  "outputAttentions",
  "outputHiddenStates",
  "outputScores",
  "outputLogits",
  "returnDictInGenerate",
  "transformersVersion",
  "fromModelConfig",
  "maxCacheLen",
  "maxMatchingNgramSize",
  "promptLookupNumTokens",
  "numAssistantTokens",
  "numAssistantTokensSchedule",
  "assistantConfidenceThreshold",
  "assistantEarlyExit",
  "assistantLookbehind",
  "assistantEnsembleWeight",
  "targetLookbehind",
  "isAssistant",
  "useMtp",
]);

/** Names that change what is generated and are not offered, with the values that mean "off". */
export const unsupportedEntries: Record<string, unknown[]> = {
  maxTime: [],
  tokenHealing: [false],
  lowMemory: [false],
  numBeamGroups: [1],
  diversityPenalty: [0],
  penaltyAlpha: [],
  guidanceScale: [1],
  watermarkingConfig: [],
  topH: [],
  dolaLayers: [],
  constraints: [],
  forceWordsIds: [],
  continuousBatchingConfig: [],
};
