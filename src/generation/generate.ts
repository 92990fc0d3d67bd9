// model.generate and model.stream, over whatever can give next-token scores.
import { AthanorError } from "../errors.js";
import { type DecodingEvent, decode } from "./decoding.js";
import { isNative, NativeScorer } from "./native-scorer.js";
import type { NextTokenModel, Source } from "./next-token-model.js";
import type { GenerateOptions, GenerationConfig } from "./options.js";
import { HostScorer } from "./scorer.js";
import type { Chosen, Sequence } from "./search.js";
import { defaultNewTokens, resolveSettings, type Settings } from "./settings.js";

/** One row to generate from: a prompt, or what an encoder reads. A tokenizer's Encoding is one too. */
export interface GenerationExample {
  inputIds?: ArrayLike<number>;
  /** As Encoding spells inputIds. */
  ids?: ArrayLike<number>;
  /** Encoder-decoders: what the decoder has said already; its start token is put before it where it is missing. */
  decoderInputIds?: ArrayLike<number>;
}

export interface GenerationResult {
  /**
   * As Transformers returns them, without padding: the prompt or the decoder's start first, the end token kept. The
   * numReturnSequences of an example follow each other, best first with beams.
   */
  sequences: Int32Array[];
  /** With beams: the sum of log-probabilities over length to the power of lengthPenalty, one per sequence. */
  scores?: Float32Array;
  /** Of the generated tokens, one array per sequence, as the processors left them. */
  logProbabilities: Float32Array[];
}

/** A token as it is decided on. */
export type StreamedToken = Chosen;

/** What generating needs of a model. */
export interface GenerativeModel {
  readonly generationConfig: GenerationConfig;
  readonly isEncoderDecoder: boolean;
  /** V */
  readonly vocabulary: number;
  /** How many ids an encoder reads; default V. */
  readonly inputVocabulary?: number;
  /** The most tokens of a prompt or of an encoder's input. */
  readonly inputPositions: number;
  /** The most tokens that the decoder has positions for; Infinity where nothing limits it. */
  readonly decoderPositions: number;
  /**
   * What one call works with.
   *
   * @param useCache false: everything is computed anew for every token
   * @param tokens how many the hypotheses at work may have together
   */
  nextTokens(useCache: boolean, tokens: number): NextTokenModel<unknown>;
}

function fail(message: string): never {
  throw new AthanorError("ERR_ARGUMENT", `generate: ${message}`);
}

function idsOf(values: ArrayLike<number> | undefined, who: string, vocabulary: number): Int32Array {
  if (values === undefined || values === null || typeof values.length !== "number") {
    fail(`${who} must be token ids, got ${values === undefined ? "none" : typeof values}`);
  }
  if (values.length === 0) fail(`${who} must have at least one token, got none`);
  const wrong = Array.from(values, Number).find(
    (id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary),
  );
  if (wrong !== undefined) fail(`${who} must be tokens from 0 to ${vocabulary - 1}, got ${wrong}`);
  return Int32Array.from(values, Number);
}

/** What the decoder begins with. */
function promptOf(model: GenerativeModel, example: GenerationExample, i: number, settings: Settings) {
  if (!model.isEncoderDecoder) {
    return idsOf(example.inputIds ?? example.ids, `inputIds of example ${i}`, model.vocabulary);
  }
  const start = settings.decoderStartTokenId ?? settings.bosTokenId;
  if (typeof start !== "number")
    fail("an encoder-decoder needs decoderStartTokenId or bosTokenId, got neither");
  const given = example.decoderInputIds;
  if (given === undefined || given === null) return Int32Array.of(start);
  const ids = idsOf(given, `decoderInputIds of example ${i}`, model.vocabulary);
  return ids[0] === start ? ids : Int32Array.of(start, ...ids);
}

function maxLengthOf(
  model: GenerativeModel,
  promptLength: number,
  i: number,
  settings: Settings,
  call: GenerateOptions,
): number {
  const { maxNewTokens, maxLength, minNewTokens, minLength } = settings;
  // The last token needs no position: nothing comes after it.
  const room = model.decoderPositions + 1;
  if (promptLength >= room) {
    fail(`example ${i} begins with ${promptLength} tokens, the model has positions for ${room - 1}`);
  }
  const asked = maxNewTokens
    ? promptLength + maxNewTokens
    : (maxLength ?? Math.min(promptLength + defaultNewTokens, room - 1));
  if (asked <= promptLength) {
    fail(`maxLength must be above the ${promptLength} tokens that example ${i} begins with, got ${asked}`);
  }
  if (asked > room && (call.maxNewTokens || call.maxLength)) {
    fail(`example ${i} may get ${asked} tokens, the model has positions for ${room - 1}; lower maxNewTokens`);
  }
  const least = minNewTokens ? promptLength + minNewTokens : (minLength ?? 0);
  if (least > asked && (call.minNewTokens || call.minLength)) {
    fail(`the least length must be at most the largest (${asked}), got ${least} for example ${i}`);
  }
  return Math.min(asked, room);
}

function sourcesOf(
  model: GenerativeModel,
  examples: readonly GenerationExample[],
  settings: Settings,
  call: GenerateOptions,
): Source[] {
  if (!Array.isArray(examples) || examples.length === 0) fail("needs at least one example, got none");
  return examples.map((example, i) => {
    const prompt = promptOf(model, example ?? {}, i, settings);
    const maxLength = maxLengthOf(model, prompt.length, i, settings, call);
    if (!model.isEncoderDecoder) return { example: i, prompt, maxLength };
    const most = model.inputVocabulary ?? model.vocabulary;
    const inputIds = idsOf(example.inputIds ?? example.ids, `inputIds of example ${i}`, most);
    if (inputIds.length > model.inputPositions) {
      fail(
        `example ${i} has ${inputIds.length} tokens, the model has positions for ${model.inputPositions}; truncate it`,
      );
    }
    return { example: i, prompt, maxLength, inputIds };
  });
}

/** Tokens that the options name must be the model's. */
function requireVocabulary({ vocabulary }: GenerativeModel, settings: Settings): void {
  const { eosTokenIds, forcedEosTokenIds = [], forcedBosTokenId, badWordsIds, sequenceBias } = settings;
  const named: Record<string, readonly (number | null | undefined)[]> = {
    eosTokenId: eosTokenIds,
    forcedEosTokenId: forcedEosTokenIds,
    forcedBosTokenId: [forcedBosTokenId],
    decoderStartTokenId: [settings.decoderStartTokenId],
    badWordsIds: (badWordsIds ?? []).flat(),
    sequenceBias: (sequenceBias ?? []).flatMap(([tokens]) => tokens),
  };
  for (const [name, ids] of Object.entries(named)) {
    const outside = ids.find((id) => typeof id === "number" && id >= vocabulary);
    if (outside !== undefined)
      fail(`${name} must be below ${vocabulary}, the model's vocabulary, got ${outside}`);
  }
}

function events(
  model: GenerativeModel,
  examples: readonly GenerationExample[],
  settings: Settings,
  call: GenerateOptions,
): AsyncGenerator<DecodingEvent[]> {
  requireVocabulary(model, settings);
  const sources = sourcesOf(model, examples, settings, call);
  const scorer =
    settings.useNativeScores && isNative(settings) ? new NativeScorer(settings) : new HostScorer(settings);
  const { numBeams, numReturnSequences, batchRows, useCache } = settings;
  const each = numBeams > 1 ? numBeams : numReturnSequences;
  const atOnce = Math.min(sources.length, Math.max(1, Math.floor(batchRows / each)));
  const longest = Math.max(
    ...sources.map(({ prompt, maxLength }) => prompt.length + each * (maxLength - prompt.length)),
  );
  return decode(model.nextTokens(useCache, atOnce * longest), sources, settings, scorer);
}

/** @see Model.generate */
export async function generate(
  model: GenerativeModel,
  examples: readonly GenerationExample[],
  options: GenerateOptions = {},
): Promise<GenerationResult> {
  const settings = resolveSettings(options, model.generationConfig);
  const found: Sequence[][] = [];
  for await (const step of events(model, examples, settings, options)) {
    for (const event of step) if (event.kind === "sequences") found[event.example] = event.sequences;
  }
  const all = found.flat();
  return {
    sequences: all.map(({ tokens }) => tokens),
    ...(settings.numBeams > 1 ? { scores: Float32Array.from(all, ({ score }) => score as number) } : {}),
    logProbabilities: all.map(({ logProbabilities }) => logProbabilities),
  };
}

/** @see Model.stream */
export async function* stream(
  model: GenerativeModel,
  example: GenerationExample,
  options: GenerateOptions = {},
): AsyncGenerator<StreamedToken> {
  const settings = resolveSettings(options, model.generationConfig);
  if (settings.numBeams > 1 || settings.numReturnSequences > 1) {
    const { numBeams, numReturnSequences } = settings;
    fail(
      `stream gives one sequence token by token, needs numBeams and numReturnSequences 1, got ${numBeams} and ${numReturnSequences}`,
    );
  }
  for await (const step of events(model, [example], settings, options)) {
    for (const event of step) if (event.kind === "tokens") yield* event.chosen;
  }
}
