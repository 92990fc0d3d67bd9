// The tokenizer as users see it: options and texts are checked here, then the stages do the work.

import { checkBatch, checkText, isArrayLike, splitEntry, type TextOrPair } from "./batch.js";
import { withoutBlanks } from "./decoders/clean-up.js";
import { StreamDecoder, type StreamDecoderOptions } from "./decoders/stream.js";
import type { TokenizerDefinition } from "./definition.js";
import { Encoder } from "./encoder.js";
import type { Encoding } from "./encoding.js";
import { badTokenizer } from "./fields.js";
import { replaceFiles, tokenizerFiles } from "./files.js";
import { sourceFromJson } from "./from-json.js";
import { type Languages, languageProcessors } from "./languages.js";
import {
  type BatchOptions,
  checkInteger,
  checkObject,
  type EncodeOptions,
  partOptions,
  type ResolvedOptions,
  resolveOptions,
  wrong,
} from "./options.js";
import { padded, roundUp } from "./padding.js";
import { inSlices } from "./slices.js";
import {
  buildStages,
  type EncodingStages,
  type SpecialTokens,
  type Stages,
  type TokenizerSettings,
  type TokenizerSource,
  targetStages,
  tokenizerJson,
} from "./source.js";
import { TokenBlanks } from "./token-blanks.js";
import { encodeOnThreads, isWorthThreads } from "./workers/encode.js";
import { WorkerPool } from "./workers/pool.js";

/** What a tokenizer is made of. */
export interface TokenizerParts {
  stages: Stages;
  /** The stages for target text (`target: true`), where the family has its own. */
  target: EncodingStages | null;
  settings: TokenizerSettings;
  languages?: Languages;
  /** From which another thread builds the same tokenizer. */
  definition: () => TokenizerDefinition;
  /** The files to save, by name. */
  files: () => Record<string, string | Uint8Array>;
}

/** The parts of a tokenizer that is all stages of tokenizer.json. */
export function partsOf(source: TokenizerSource): TokenizerParts {
  const stages = buildStages(source);
  const { settings, languages } = source;
  const json = () => JSON.stringify(tokenizerJson(source.stages, stages.model, stages.added));
  return {
    stages,
    target: targetStages(stages, languages),
    settings,
    languages,
    definition: () => ({ kind: "json", json: json(), settings, languages }),
    files: () => tokenizerFiles(json(), stages, settings),
  };
}

/** Turns text into token ids and back. Can be shared: calls do not influence each other. */
export class Tokenizer {
  /** Most tokens that the model takes; Infinity when unknown. */
  readonly modelMaxLength: number;
  readonly #parts: TokenizerParts;
  readonly #source: Encoder;
  readonly #target: Encoder | null;
  // Tokens by id: one place to look instead of two
  readonly #tokens: (string | undefined)[];
  readonly #lookup = (id: number): string | undefined => this.#tokens[id];
  readonly #size: number;
  /** Looked at in every call. */
  readonly #languageCodes: readonly string[];
  #pool: WorkerPool | null = null;

  /** Made by `fromJson`, `AutoTokenizer.fromPretrained` and the classes of this package. */
  constructor(parts: TokenizerParts) {
    const { stages, target, settings } = parts;
    this.#parts = parts;
    this.#size = Math.max(stages.model.size, ...stages.added.all.map((token) => token.id + 1));
    this.#tokens = Array.from({ length: this.#size }, (_, id) => stages.model.idToToken(id));
    for (const { id, content } of stages.added.all) this.#tokens[id] = content;
    const shared = { lookup: this.#lookup, blanks: new TokenBlanks(this.#size, this.#lookup) };
    this.#languageCodes = Object.keys(parts.languages?.templates ?? {});
    this.#source = new Encoder(stages, stages.added, shared, languageProcessors(parts.languages));
    this.#target = target === null ? null : new Encoder(target, stages.added, shared);
    this.modelMaxLength = settings.modelMaxLength;
  }

  /**
   * A tokenizer from tokenizer.json: the text of the file, or the parsed object. Its `truncation` and
   * `padding` are what `encode` does unless told otherwise.
   *
   * @throws AthanorError ERR_TOKENIZER: no such file, parts unknown or not well-formed, ids that do not fit.
   * @example
   * const tokenizer = Tokenizer.fromJson(await readFile("tokenizer.json", "utf8"));
   */
  static fromJson(json: string | object): Tokenizer {
    return new Tokenizer(partsOf(sourceFromJson(json)));
  }

  /** The side on which padding goes. */
  get paddingSide(): "left" | "right" {
    return this.#parts.settings.paddingSide;
  }

  /** Whether `target: true` encodes with stages of its own: two vocabularies, or another language's code. */
  get hasTarget(): boolean {
    return this.#target !== null;
  }

  /** The codes of the languages (mBART, mBART-50), that of texts, and that of target text if one is said; or null. */
  get languages(): { codes: readonly string[]; srcLang: string; tgtLang: string | null } | null {
    const { languages } = this.#parts;
    if (languages === undefined) return null;
    const { srcLang, tgtLang } = languages;
    return { codes: this.#languageCodes, srcLang, tgtLang };
  }

  /** Number of tokens, added ones included: the least number of rows of a matching embedding. */
  get vocabSize(): number {
    return this.#size;
  }

  /** Id of the padding token, or null. */
  get padTokenId(): number | null {
    return this.#specialId("pad");
  }

  /** Id of the token before the first text, or null. */
  get clsTokenId(): number | null {
    return this.#specialId("cls");
  }

  /** Id of the token after each text, or null. */
  get sepTokenId(): number | null {
    return this.#specialId("sep");
  }

  /** Id of the token that stands for a hidden one, or null. */
  get maskTokenId(): number | null {
    return this.#specialId("mask");
  }

  /** Id of the token for what the vocabulary lacks, or null. */
  get unkTokenId(): number | null {
    return this.#specialId("unk");
  }

  /** Id of the token that begins a text, or null. */
  get bosTokenId(): number | null {
    return this.#specialId("bos");
  }

  /** Id of the token that ends a text, or null. */
  get eosTokenId(): number | null {
    return this.#specialId("eos");
  }

  /** What marks a token inside a word, as "##" of BERT's; null where nothing does. */
  get continuingSubwordPrefix(): string | null {
    return this.#parts.stages.model.continuingSubwordPrefix || null;
  }

  /** The id of a token, or null when the vocabulary lacks it. */
  tokenToId(token: string): number | null {
    return this.#parts.stages.added.idOf(token) ?? this.#parts.stages.model.tokenToId(token) ?? null;
  }

  /** The token of an id, or undefined when there is none. */
  idToToken(id: number): string | undefined {
    // Names of array members are no ids
    if (typeof id !== "number") return undefined;
    return this.#tokens[id];
  }

  /**
   * Encodes a text, or a text given as words, optionally with a second one.
   *
   * @throws AthanorError ERR_ARGUMENT: text or options of the wrong kind; truncation that cannot be done.
   * @example
   * const { ids, tokens } = tokenizer.encode("Hello, world!");
   */
  encode(text: string | readonly string[], options: EncodeOptions = {}): Encoding {
    const resolved = this.#resolve("encode", options);
    checkText("encode", "text", text);
    const pair = options.pair ?? null;
    if (pair !== null) checkText("encode", "pair", pair);
    const encoding = this.#encoder(resolved).encode("encode", text, pair, resolved);
    return this.#pad([encoding], resolved)[0];
  }

  /**
   * Encodes many texts, or pairs of texts, each as `encode` does; padding is to the longest of all.
   *
   * @throws AthanorError ERR_ARGUMENT: see `encode`.
   */
  encodeBatch(texts: readonly TextOrPair[], options: BatchOptions = {}): Encoding[] {
    const resolved = this.#resolve("encodeBatch", options);
    checkBatch("encodeBatch", texts);
    const encodings = texts.map((entry, index) => this.#encodeEntry("encodeBatch", entry, index, resolved));
    return this.#pad(encodings, resolved);
  }

  /**
   * As `encodeBatch`, without blocking the event loop: large batches go to worker threads (at most `threads`,
   * by default one less than the machine has, but no more than 4), small ones are done in slices of less than
   * 2 ms.
   *
   * @throws AthanorError ERR_ARGUMENT (rejection): see `encode`. ERR_INTERNAL: a thread died.
   */
  async encodeBatchAsync(
    texts: readonly TextOrPair[],
    options: BatchOptions & { threads?: number } = {},
  ): Promise<Encoding[]> {
    const who = "encodeBatchAsync";
    checkObject(who, options);
    const { threads, ...rest } = options;
    const resolved = this.#resolve(who, rest);
    if (threads !== undefined) checkInteger(who, "threads", threads, 1);
    checkBatch(who, texts);
    let encodings: Encoding[];
    if (isWorthThreads(texts)) {
      this.#pool ??= new WorkerPool(this.#parts.definition);
      const check = (entry: TextOrPair, index: number) =>
        splitEntry(who, entry, index, resolved.isSplitIntoWords);
      encodings = await encodeOnThreads(
        this.#pool,
        texts,
        partOptions(resolved),
        threads,
        check,
        this.#lookup,
      );
      // The threads have padded already, unless only the whole batch knows the length.
      if (resolved.padding !== "longest") return encodings;
    } else {
      encodings = new Array(texts.length);
      await inSlices(texts.length, (index) => {
        encodings[index] = this.#encodeEntry(who, texts[index], index, resolved);
      });
    }
    const length = this.#paddedLength(encodings, resolved);
    if (length > 0) {
      await inSlices(encodings.length, (index) => {
        encodings[index] = this.#padOne(encodings[index], length, resolved);
      });
    }
    return encodings;
  }

  /**
   * Token ids back to text.
   *
   * `skipSpecialTokens` leaves special tokens out (default false). `cleanUpTokenizationSpaces` also removes
   * blanks that English does not write (default: as the tokenizer was configured, else false; never for BPE,
   * whose tokens hold the blanks of the text).
   *
   * @throws AthanorError ERR_ARGUMENT: an id outside the vocabulary.
   */
  decode(
    ids: ArrayLike<number>,
    options: { skipSpecialTokens?: boolean; cleanUpTokenizationSpaces?: boolean } = {},
  ): string {
    if (!isArrayLike(ids)) throw wrong("decode", "ids", "an array of token ids", ids);
    checkObject("decode", options);
    const { skipSpecialTokens = false, cleanUpTokenizationSpaces } = options;
    const { stages } = this.#parts;
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.idToToken(ids[i]);
      if (token === undefined) {
        throw wrong("decode", `ids[${i}]`, `an integer from 0 to ${this.#size - 1}`, ids[i]);
      }
      if (skipSpecialTokens && stages.added.isSpecial(ids[i])) continue;
      tokens.push(stages.added.decodedContentOf(ids[i]) ?? token);
    }
    const text = this.tokensToText(tokens);
    return this.#cleansUp(cleanUpTokenizationSpaces) ? withoutBlanks(text, false) : text;
  }

  /** The text of tokens, which need not be in the vocabulary (Transformers' convert_tokens_to_string). */
  tokensToText(tokens: readonly string[]): string {
    const { decoder } = this.#parts.stages;
    return decoder === null ? tokens.join(" ") : decoder.decode([...tokens]).join("");
  }

  /** As `decode`, for many sequences. */
  decodeBatch(
    batch: readonly ArrayLike<number>[],
    options: { skipSpecialTokens?: boolean; cleanUpTokenizationSpaces?: boolean } = {},
  ): string[] {
    if (!Array.isArray(batch)) throw wrong("decodeBatch", "batch", "an array of arrays of ids", batch);
    return batch.map((ids) => this.decode(ids, options));
  }

  /**
   * A decoder for tokens that come one by one, as when a model writes a text. It never gives out half a
   * character, and what it gives out in all is what `decode` makes of all tokens.
   *
   * @example
   * const stream = tokenizer.decodeStream();
   * for (const id of ids) process.stdout.write(stream.push(id));
   * process.stdout.write(stream.end());
   */
  decodeStream(options: StreamDecoderOptions = {}): StreamDecoder {
    checkObject("decodeStream", options);
    const { skipSpecialTokens, cleanUpTokenizationSpaces: cleanUp } = options;
    const raw = { skipSpecialTokens, cleanUpTokenizationSpaces: false };
    const decode = (ids: readonly number[]) => this.decode(ids, raw);
    return new StreamDecoder(decode, this.#cleansUp(cleanUp));
  }

  /**
   * The tokenizer.json of this tokenizer as an object, which `fromJson` and the tokenizers library read.
   *
   * @throws AthanorError ERR_TOKENIZER: it is of a kind that has none (Marian's, with two models).
   */
  toJson(): object {
    const definition = this.#parts.definition();
    if (definition.kind === "json") return JSON.parse(definition.json) as object;
    throw badTokenizer("toJson", "called on a tokenizer that tokenizer.json can describe", definition);
  }

  /**
   * Writes the files from which this package and Transformers load the tokenizer again. The folder is made if
   * it is missing; each file appears complete or not at all.
   *
   * @throws AthanorError ERR_TOKENIZER (rejection): the folder cannot be written.
   */
  async save(folder: string): Promise<void> {
    if (typeof folder !== "string" || folder === "") throw wrong("save", "folder", "a path", folder);
    await replaceFiles(folder, this.#parts.files());
  }

  // As in Transformers, never for BPE
  #cleansUp(wanted: boolean | undefined): boolean {
    const { stages, settings } = this.#parts;
    return (wanted ?? settings.cleanUpTokenizationSpaces) && !stages.model.keepsBlanks;
  }

  #specialId(name: keyof SpecialTokens): number | null {
    const token = this.#parts.settings.special[name];
    return token == null ? null : this.tokenToId(token);
  }

  #resolve(who: string, options: EncodeOptions & BatchOptions): ResolvedOptions {
    const { modelMaxLength, truncationSide, paddingSide, defaults: own } = this.#parts.settings;
    const canPad = this.padTokenId !== null;
    const { hasTarget } = this;
    const languages = this.#languageCodes;
    checkObject(who, options);
    const all = Object.keys(own).length === 0 ? options : { ...own, ...options };
    // A multiple that was meant for padding goes with it
    if (options.padding === false && options.padToMultipleOf === undefined) all.padToMultipleOf = undefined;
    const defaults = { modelMaxLength, truncationSide, paddingSide, canPad, hasTarget, languages };
    return resolveOptions(who, all, defaults);
  }

  #encodeEntry(who: string, entry: TextOrPair, index: number, resolved: ResolvedOptions): Encoding {
    const [text, pair] = splitEntry(who, entry, index, resolved.isSplitIntoWords);
    return this.#encoder(resolved).encode(who, text, pair, resolved);
  }

  #encoder(resolved: ResolvedOptions): Encoder {
    return resolved.target && resolved.language === null ? this.#target! : this.#source;
  }

  #pad(encodings: Encoding[], resolved: ResolvedOptions): Encoding[] {
    const length = this.#paddedLength(encodings, resolved);
    return length === 0 ? encodings : encodings.map((encoding) => this.#padOne(encoding, length, resolved));
  }

  // 0: no padding
  #paddedLength(encodings: Encoding[], resolved: ResolvedOptions): number {
    if (resolved.padding === false) return 0;
    let length = resolved.maxLength;
    if (resolved.padding === "longest") {
      length = 0;
      for (const encoding of encodings) length = Math.max(length, encoding.ids.length);
    }
    return roundUp(length, resolved.padToMultipleOf);
  }

  #padOne(encoding: Encoding, length: number, resolved: ResolvedOptions): Encoding {
    const typeId = this.#parts.settings.padTypeId;
    const how = { id: this.padTokenId!, typeId, side: resolved.paddingSide };
    return padded(encoding, length, how, this.#lookup);
  }
}
