// Marian's model: the pieces of a SentencePiece model, with the ids of a vocabulary that source and target
// language share (vocab.json). A piece that the vocabulary lacks is unknown, whatever the SentencePiece model
// says of it.

import { AthanorError } from "../../errors.js";
import type { NormalizedText } from "../normalized-text.js";
import { BLANK } from "../sentencepiece/normalizer.js";
import type { Json, Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import type { SentencePieceModel } from "./sentencepiece.js";
import type { Tokens } from "./vocabulary.js";

/** SentencePiece pieces with ids from elsewhere. */
export class MarianModel implements Model {
  readonly #pieces: SentencePieceModel;
  readonly #ids = new Map<string, number>();
  readonly #idsOfPieces: Int32Array;
  readonly #tokens: Tokens;
  readonly #unknown: number;

  /**
   * @param vocabulary from which ids come
   * @param shown the tokens of ids: those of the target language, where the two have vocabularies of their
   * own
   */
  constructor(pieces: SentencePieceModel, vocabulary: Tokens, shown: Tokens, unkToken: string) {
    this.#pieces = pieces;
    this.#tokens = shown;
    for (let id = 0; id < vocabulary.length; id++) {
      const token = vocabulary[id];
      if (token !== undefined) this.#ids.set(token, id);
    }
    const unknown = this.#ids.get(unkToken);
    if (unknown === undefined) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `Marian: vocab.json must hold the unknown token ${JSON.stringify(unkToken)}, ` +
          `got ${this.#ids.size} others`,
      );
    }
    this.#unknown = unknown;
    this.#idsOfPieces = Int32Array.from(pieces.file.pieces, (piece) => this.#ids.get(piece) ?? unknown);
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

  // The text is a language code, or a whole text with marks for blanks: words are counted here.
  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const { units, starts, ends } = text;
    if (isLanguageCode(text, from, to)) {
      out.push(this.#ids.get(text.slice(from, to)) ?? this.#unknown, starts[from], ends[to - 1], word);
      return;
    }
    let current = word - 1;
    this.#pieces.pieces(text, from, to, (piece, begin, end) => {
      if (units[begin] === BLANK || current < word) current++;
      const id =
        piece < 0 ? (this.#ids.get(text.slice(begin, end)) ?? this.#unknown) : this.#idsOfPieces[piece];
      out.push(id, starts[begin], ends[end - 1], current);
    });
  }

  toJson(): Json {
    throw new AthanorError(
      "ERR_TOKENIZER",
      "Marian: two SentencePiece models must be saved, got tokenizer.json",
    );
  }

  vocabularyFiles(): Record<string, string> {
    return {};
  }
}

/** Whether a text is a code such as `>>rom<<`. */
export function isLanguageCode({ units }: NormalizedText, from: number, to: number): boolean {
  return (
    to - from >= 4 &&
    units[from] === 0x3e &&
    units[from + 1] === 0x3e &&
    units[to - 2] === 0x3c &&
    units[to - 1] === 0x3c
  );
}
