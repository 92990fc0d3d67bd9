// What is Marian's own in the way from text to tokens and back: a language code such as `>>rom<<` at the
// beginning of a text is a token, and special tokens are not decoded as pieces.

import type { SentencePieceModel } from "../models/sentencepiece.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import { decodePieces } from "../sentencepiece/decoder.js";
import { SentencePieceNormalizer } from "../sentencepiece/normalizer.js";
import type { Decoder, Normalizer, PreTokenizer } from "../stages.js";

const OPEN = 0x3e; // >
const CLOSE = 0x3c; // <

// The end of the language code that the text begins with, or 0.
function codeEnd({ units, length }: NormalizedText, from: number): number {
  if (units[from] !== OPEN || units[from + 1] !== OPEN || length < from + 4) return from;
  for (let at = from; at + 1 < length; at++) {
    if (units[at] === CLOSE && units[at + 1] === CLOSE) return at + 2;
  }
  return from;
}

/** Normalizes as the SentencePiece model says, but for the language code. */
export class MarianNormalizer implements Normalizer {
  readonly #normalizer: SentencePieceNormalizer;

  constructor(model: SentencePieceModel) {
    this.#normalizer = new SentencePieceNormalizer(model.file, model.symbolEnd);
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    const end = codeEnd(input, 0);
    output.copy(input, 0, end);
    this.#normalizer.normalizeFrom(input, end, output);
  }
}

/** Cuts the language code off. */
export class MarianPreTokenizer implements PreTokenizer {
  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => {
      const end = Math.min(codeEnd(text, from), to);
      if (end > from) spans.push(from, end);
      if (end < to) spans.push(end, to);
    });
  }
}

/** Decodes stretches of pieces between special tokens, each of which is followed by a blank. */
export class MarianDecoder implements Decoder {
  readonly #model: SentencePieceModel;
  readonly #special: ReadonlySet<string>;

  constructor(model: SentencePieceModel, special: ReadonlySet<string>) {
    this.#model = model;
    this.#special = special;
  }

  decode(tokens: string[]): string[] {
    const { file, ids } = this.#model;
    let text = "";
    let pieces: string[] = [];
    for (const token of tokens) {
      if (!this.#special.has(token)) {
        pieces.push(token);
        continue;
      }
      text += `${decodePieces(file, ids, pieces)}${token} `;
      pieces = [];
    }
    text += decodePieces(file, ids, pieces);
    return [text.replaceAll("\u2581", " ").trim()];
  }
}
