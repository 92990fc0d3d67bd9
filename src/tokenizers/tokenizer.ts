// The tokenizer as users see it: options and texts are checked here, then the stages do the work.

import type { AddedTokens } from "./added-tokens.js";
import type { TokenizerDefinition } from "./definition.js";
import type { Encoding } from "./encoding.js";
import { replaceFiles } from "./files.js";
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
import { Pipeline } from "./pipeline.js";
import type { TemplatePostProcessor } from "./post-processors/template.js";
import { inSlices } from "./slices.js";
import type { Decoder, Model, Normalizer, PreTokenizer } from "./stages.js";
import { TokenList } from "./token-list.js";
import { type Side, type Truncation, truncationWindows } from "./truncation.js";
import { encodeOnThreads, isWorthThreads } from "./workers/encode.js";
import { WorkerPool } from "./workers/pool.js";

/** One text, or a pair of texts. With `isSplitIntoWords` each text is an array of words. */
export type TextOrPair =
  | string
  | readonly [string, string]
  | readonly string[]
  | readonly [string[], string[]];

/** The names of the special tokens that a tokenizer may have. */
export interface SpecialTokens {
  bos?: string | null;
  eos?: string | null;
  unk?: string | null;
  sep?: string | null;
  pad?: string | null;
  cls?: string | null;
  mask?: string | null;
}

/** What a tokenizer is made of. */
export interface TokenizerParts {
  normalizer: Normalizer;
  preTokenizer: PreTokenizer;
  model: Model;
  postProcessor: TemplatePostProcessor;
  decoder: Decoder;
  added: AddedTokens;
  special: SpecialTokens;
  /** Infinity when the model has no limit. */
  modelMaxLength: number;
  truncationSide: Side;
  paddingSide: Side;
  cleanUpTokenizationSpaces: boolean;
  /** From which another thread builds the same tokenizer. */
  definition: () => TokenizerDefinition;
  /** The files to save, by name. */
  files: () => Record<string, string>;
}

/** Turns text into token ids and back. Can be shared: calls do not influence each other. */
export class Tokenizer {
  /** Most tokens that the model takes; Infinity when unknown. */
  readonly modelMaxLength: number;
  readonly #parts: TokenizerParts;
  readonly #pipeline: Pipeline;
  readonly #first = new TokenList();
  readonly #second = new TokenList();
  readonly #lookup = (id: number): string | undefined => this.idToToken(id);
  readonly #size: number;
  #pool: WorkerPool | null = null;

  /** Made by `AutoTokenizer.fromPretrained` and the classes of this package. */
  constructor(parts: TokenizerParts) {
    const { normalizer, preTokenizer, model, added } = parts;
    this.#parts = parts;
    this.#pipeline = new Pipeline(normalizer, preTokenizer, model, added);
    this.#size = Math.max(model.size, ...added.all.map((token) => token.id + 1));
    this.modelMaxLength = parts.modelMaxLength;
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

  /** The id of a token, or null when the vocabulary lacks it. */
  tokenToId(token: string): number | null {
    return this.#parts.added.idOf(token) ?? this.#parts.model.tokenToId(token) ?? null;
  }

  /** The token of an id, or undefined when there is none. */
  idToToken(id: number): string | undefined {
    // Names of array members are no ids
    if (typeof id !== "number") return undefined;
    return this.#parts.added.contentOf(id) ?? this.#parts.model.idToToken(id);
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
    const encoding = this.#encode("encode", text, pair, resolved);
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
   * blanks that English does not write (default: as the tokenizer was configured, else false).
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
    const { added, decoder, cleanUpTokenizationSpaces: cleanUp } = this.#parts;
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.idToToken(ids[i]);
      if (token === undefined) {
        throw wrong("decode", `ids[${i}]`, `an integer from 0 to ${this.#size - 1}`, ids[i]);
      }
      if (!skipSpecialTokens || !added.isSpecial(ids[i])) tokens.push(token);
    }
    return decoder.decode(tokens, cleanUpTokenizationSpaces ?? cleanUp);
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
   * Writes the files from which this package and Transformers load the tokenizer again. The folder is made if
   * it is missing; each file appears complete or not at all.
   *
   * @throws AthanorError ERR_TOKENIZER (rejection): the folder cannot be written.
   */
  async save(folder: string): Promise<void> {
    if (typeof folder !== "string" || folder === "") throw wrong("save", "folder", "a path", folder);
    await replaceFiles(folder, this.#parts.files());
  }

  #specialId(name: keyof SpecialTokens): number | null {
    const token = this.#parts.special[name];
    return token == null ? null : this.tokenToId(token);
  }

  #resolve(who: string, options: EncodeOptions & BatchOptions): ResolvedOptions {
    const { modelMaxLength, truncationSide, paddingSide } = this.#parts;
    const canPad = this.padTokenId !== null;
    return resolveOptions(who, options, { modelMaxLength, truncationSide, paddingSide, canPad });
  }

  #encodeEntry(who: string, entry: TextOrPair, index: number, resolved: ResolvedOptions): Encoding {
    const [text, pair] = splitEntry(who, entry, index, resolved.isSplitIntoWords);
    return this.#encode(who, text, pair, resolved);
  }

  #encode(
    who: string,
    text: string | readonly string[],
    pair: string | readonly string[] | null,
    resolved: ResolvedOptions,
  ): Encoding {
    const { truncation, addSpecialTokens, maxLength } = resolved;
    const first = this.#first;
    const second = pair === null ? null : this.#second;
    // A first text that must stay whole is read whole, as in the tokenizers library
    const stays = truncation?.strategy === "only_second";
    this.#pipeline.run(text, stays ? Number.POSITIVE_INFINITY : resolved.limit, first);
    if (pair !== null) this.#pipeline.run(pair, resolved.limit, this.#second);
    let room = Number.POSITIVE_INFINITY;
    if (truncation !== null) {
      const added = addSpecialTokens ? this.#parts.postProcessor.addedCount(pair !== null) : 0;
      room = maxLength - added;
      if (room < 0) throw wrong(who, "maxLength", `at least the ${added} special tokens`, maxLength);
      this.#checkStride(who, resolved, truncation.stride);
      if (truncation.strategy === "only_second" && pair === null) {
        throw wrong(who, "truncation", "longest_first or only_first without a pair", truncation.strategy);
      }
    }
    const how: Truncation = truncation ?? { strategy: "longest_first", stride: 0, side: "right" };
    const compared = [first, second].map((list) => list?.lengthOfWords(maxLength, how.side) ?? 0);
    const windows = truncationWindows(
      [first.length, second?.length ?? 0],
      compared,
      room,
      pair !== null,
      how,
    );
    const { postProcessor } = this.#parts;
    const encoding = postProcessor.process(first, second, windows[0], addSpecialTokens, this.#lookup);
    if (resolved.returnOverflow) {
      for (const window of windows.slice(1)) {
        encoding.overflowing.push(
          postProcessor.process(first, second, window, addSpecialTokens, this.#lookup),
        );
      }
    }
    return encoding;
  }

  // Also where nothing is cut: a stride that cannot work should not wait for the first long text. As in the
  // tokenizers library this counts the special tokens of a single text.
  #checkStride(who: string, resolved: ResolvedOptions, stride: number): void {
    const added = resolved.addSpecialTokens ? this.#parts.postProcessor.addedCount(false) : 0;
    const room = Math.max(resolved.maxLength - added, 0);
    if (stride > room) {
      throw wrong(who, "stride", `less than the ${room} tokens beside the special ones`, stride);
    }
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
    const how = { id: this.padTokenId!, typeId: 0, side: resolved.paddingSide };
    return padded(encoding, length, how, this.#lookup);
  }
}

function checkBatch(who: string, texts: unknown): void {
  if (!Array.isArray(texts)) throw wrong(who, "texts", "an array of texts", texts);
}

function checkText(who: string, name: string, text: unknown): void {
  if (typeof text === "string") return;
  if (!Array.isArray(text)) throw wrong(who, name, "a string or an array of words", text);
  checkWords(who, name, text);
}

function checkWords(who: string, name: string, words: readonly unknown[]): void {
  for (let i = 0; i < words.length; i++) {
    if (typeof words[i] !== "string") throw wrong(who, `${name}[${i}]`, "a string", words[i]);
  }
}

// The one or two texts of an entry of a batch.
function splitEntry(
  who: string,
  entry: TextOrPair,
  index: number,
  isSplitIntoWords: boolean,
): [string | readonly string[], string | readonly string[] | null] {
  const name = `texts[${index}]`;
  if (isSplitIntoWords) {
    if (!Array.isArray(entry)) throw wrong(who, name, "an array of words", entry);
    if (!entry.some(Array.isArray)) {
      checkWords(who, name, entry);
      return [entry as string[], null];
    }
    if (entry.length !== 2 || !entry.every(Array.isArray)) {
      throw wrong(who, name, "an array of words, or two of them", entry);
    }
    for (const words of entry) checkWords(who, name, words);
    return [entry[0], entry[1]];
  }
  if (typeof entry === "string") return [entry, null];
  if (!Array.isArray(entry) || entry.length !== 2 || entry.some((text) => typeof text !== "string")) {
    throw wrong(who, name, "a string or a pair of strings (or isSplitIntoWords set)", entry);
  }
  return [entry[0], entry[1]];
}

function isArrayLike(value: unknown): boolean {
  if (Array.isArray(value)) return true;
  return ArrayBuffer.isView(value) && "length" in value;
}
