// Byte-pair encoding (Sennrich et al. 2016): a word begins as its characters, and the pairs of the merge list
// merge in the order of the list. Byte-level BPE (GPT-2) is this over the alphabet of bytes; with byte
// fallback a character outside the vocabulary becomes the tokens of its bytes, such as <0xE4>.

import { AthanorError } from "../../errors.js";
import { badTokenizer, type Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Json, Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import { Merger } from "./merge.js";
import { PairTable } from "./pair-table.js";
import { Segments, WordCache } from "./segments.js";
import { idsByToken, readTokens, repeatedToken, type Tokens } from "./vocabulary.js";

/** Options of BPE. */
export interface BpeOptions {
  /** Stands for characters outside the vocabulary; without one they vanish. */
  unkToken?: string | null;
  /** Marks tokens inside a word. */
  continuingSubwordPrefix?: string | null;
  /** Marks the last token of a word. */
  endOfWordSuffix?: string | null;
  /** One unknown token for neighbouring unknown characters. Default false. */
  fuseUnk?: boolean;
  /** The bytes of unknown characters are tokens. Default false. */
  byteFallback?: boolean;
  /** A word that is a token needs no merges. Default false. */
  ignoreMerges?: boolean;
}

const NO_TOKEN = -1;
const NOT_ASKED = -2;

/** Merges by rank. */
export class Bpe implements Model {
  readonly keepsBlanks = true;
  readonly #tokens: Tokens;
  readonly #ids = new Map<string, number>();
  readonly #options: BpeOptions;
  readonly #pairs: PairTable;
  readonly #merger: Merger;
  readonly #cache = new WordCache();
  readonly #symbols = new Segments();
  // Ids of single code units, where neither prefix nor suffix is in play
  readonly #unitIds: Int32Array | null;
  // Ids of the tokens of all bytes
  readonly #byteIds: Int32Array | null;

  /**
   * @param vocabulary ids by token, or tokens by id.
   * @param merges pairs of tokens, the most important first.
   * @throws AthanorError ERR_TOKENIZER: see `readTokens`; a merge with tokens outside the vocabulary.
   */
  constructor(vocabulary: unknown, merges: readonly (readonly [string, string])[], options: BpeOptions = {}) {
    this.#tokens = readTokens("BPE", vocabulary);
    this.#options = options;
    for (let id = 0; id < this.#tokens.length; id++) this.#add(this.#tokens[id], id);
    this.#pairs = new PairTable(merges.length);
    for (let rank = 0; rank < merges.length; rank++) this.#addMerge(merges[rank], rank);
    this.#merger = new Merger(this.#pairs);
    const isPlain = !options.continuingSubwordPrefix && !options.endOfWordSuffix;
    this.#unitIds = isPlain ? new Int32Array(0x10000).fill(NOT_ASKED) : null;
    this.#byteIds = options.byteFallback ? this.#fallbackIds() : null;
  }

  get continuingSubwordPrefix(): string | undefined {
    return this.#options.continuingSubwordPrefix ?? undefined;
  }

  get size(): number {
    return this.#tokens.length;
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    if (this.#cache.recall(text, from, to, word, out)) return;
    const symbols = this.#symbols;
    symbols.clear();
    const whole = this.#options.ignoreMerges ? this.#ids.get(text.slice(from, to)) : undefined;
    if (whole === undefined) {
      this.#start(text, from, to);
      this.#merger.merge(symbols);
    } else {
      symbols.push(whole, 0, to - from);
    }
    this.#cache.remember(text.units, from, to, symbols);
    symbols.emit(text, from, word, out);
  }

  toJson(): Json {
    const { unkToken, continuingSubwordPrefix, endOfWordSuffix } = this.#options;
    return {
      type: "BPE",
      dropout: null,
      unk_token: unkToken ?? null,
      continuing_subword_prefix: continuingSubwordPrefix ?? null,
      end_of_word_suffix: endOfWordSuffix ?? null,
      fuse_unk: this.#options.fuseUnk ?? false,
      byte_fallback: this.#options.byteFallback ?? false,
      ignore_merges: this.#options.ignoreMerges ?? false,
      vocab: idsByToken(this.#tokens),
      merges: this.#merges(),
    };
  }

  // merges.txt separates the two tokens by a blank.
  vocabularyFiles(): Record<string, string> {
    if (this.#tokens.some((token) => token !== undefined && /[ \n]/.test(token))) return {};
    const merges = this.#merges().map((pair) => pair.join(" "));
    return {
      "vocab.json": JSON.stringify(idsByToken(this.#tokens)),
      "merges.txt": `${["#version: 0.2", ...merges].join("\n")}\n`,
    };
  }

  #merges(): [string, string][] {
    return this.#pairs.byRank().map(([left, right]) => [this.#tokens[left]!, this.#tokens[right]!]);
  }

  #add(token: string | undefined, id: number): void {
    if (token === undefined) return;
    const known = this.#ids.get(token);
    if (known !== undefined) throw repeatedToken("BPE", token, known, id);
    this.#ids.set(token, id);
  }

  #addMerge([left, right]: readonly [string, string], rank: number): void {
    const merged = left + right.slice(this.#options.continuingSubwordPrefix?.length ?? 0);
    const [leftId, rightId, mergedId] = [left, right, merged].map((token) => this.#ids.get(token));
    if (leftId === undefined || rightId === undefined || mergedId === undefined) {
      const missing = [left, right, merged].find((token) => !this.#ids.has(token));
      throw new AthanorError(
        "ERR_TOKENIZER",
        `BPE: tokens of merges must be in the vocabulary, got ${JSON.stringify(missing)} in merge ${rank}`,
      );
    }
    this.#pairs.set(leftId, rightId, rank, mergedId);
  }

  // The characters of a word as symbols. What is unknown waits until something known follows, to be fused; as
  // in the reference, bytes do not count as that.
  #start(text: NormalizedText, from: number, to: number): void {
    const symbols = this.#symbols;
    let unknownFrom = -1;
    let unknownTo = -1;
    const flush = () => {
      if (unknownFrom >= 0) symbols.push(this.#unknown()!, unknownFrom - from, unknownTo - from);
      unknownFrom = -1;
    };
    for (let at = from; at < to; ) {
      const point = text.codePointAt(at, to);
      const next = at + (point > 0xffff ? 2 : 1);
      const id = this.#characterId(point, at === from, next === to);
      if (id >= 0) {
        flush();
        symbols.push(id, at - from, next - from);
      } else if (!this.#pushBytes(point, at === from, next === to, at - from, next - from)) {
        if (this.#unknown() !== undefined) {
          if (!this.#options.fuseUnk) flush();
          if (unknownFrom < 0) unknownFrom = at;
          unknownTo = next;
        }
      }
      at = next;
    }
    flush();
  }

  #unknown(): number | undefined {
    const { unkToken } = this.#options;
    if (unkToken == null) return undefined;
    const id = this.#ids.get(unkToken);
    if (id !== undefined) return id;
    throw new AthanorError(
      "ERR_TOKENIZER",
      `BPE: the vocabulary must hold the unknown token ${JSON.stringify(unkToken)}, got a character without token`,
    );
  }

  #characterId(point: number, isFirst: boolean, isLast: boolean): number {
    const table = this.#unitIds;
    if (table === null || point > 0xffff) {
      return this.#ids.get(this.#character(point, isFirst, isLast)) ?? NO_TOKEN;
    }
    if (table[point] === NOT_ASKED) table[point] = this.#ids.get(String.fromCharCode(point)) ?? NO_TOKEN;
    return table[point];
  }

  #character(point: number, isFirst: boolean, isLast: boolean): string {
    const { continuingSubwordPrefix, endOfWordSuffix } = this.#options;
    const prefix = isFirst ? "" : (continuingSubwordPrefix ?? "");
    return prefix + String.fromCodePoint(point) + (isLast ? (endOfWordSuffix ?? "") : "");
  }

  #fallbackIds(): Int32Array {
    const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");
    return Int32Array.from({ length: 256 }, (_, byte) => this.#ids.get(`<0x${hex(byte)}>`) ?? NO_TOKEN);
  }

  // The bytes of a character, each with the span of all; false if one of them is no token.
  #pushBytes(point: number, isFirst: boolean, isLast: boolean, start: number, end: number): boolean {
    if (this.#byteIds === null) return false;
    const bytes = new TextEncoder().encode(this.#character(point, isFirst, isLast));
    if (!bytes.every((byte) => this.#byteIds![byte] >= 0)) return false;
    for (const byte of bytes) this.#symbols.push(this.#byteIds[byte], start, end);
    return true;
  }
}

/** BPE of tokenizer.json. */
export function readBpe(fields: Fields): Bpe {
  if (fields.number("dropout", 0) !== 0) {
    throw fields.wrong("dropout", "null or 0: encoding leaves nothing to chance");
  }
  const optional = (name: string) => (fields.has(name) ? fields.string(name) : null);
  return new Bpe(fields.get("vocab"), readMerges(fields), {
    unkToken: optional("unk_token"),
    continuingSubwordPrefix: optional("continuing_subword_prefix"),
    endOfWordSuffix: optional("end_of_word_suffix"),
    fuseUnk: fields.boolean("fuse_unk", false),
    byteFallback: fields.boolean("byte_fallback", false),
    ignoreMerges: fields.boolean("ignore_merges", false),
  });
}

// Pairs, or lines as in merges.txt.
function readMerges(fields: Fields): [string, string][] {
  const merges: [string, string][] = [];
  for (const [index, value] of fields.array("merges").entries()) {
    if (typeof value === "string" && value.startsWith("#version")) continue;
    const pair: unknown = typeof value === "string" ? value.split(" ") : value;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((token) => typeof token !== "string")) {
      throw badTokenizer(`${fields.place}.merges[${index}]`, "two tokens, with one blank between", value);
    }
    merges.push(pair as [string, string]);
  }
  return merges;
}
