// Pre-tokenizers one after the other, each splitting what the one before left.

import type { Fields } from "../fields.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import { readMarkedWords } from "./marked-words.js";

/** Applies pre-tokenizers in order. */
export class PreTokenizerSequence implements PreTokenizer {
  readonly #preTokenizers: readonly PreTokenizer[];

  constructor(preTokenizers: readonly PreTokenizer[]) {
    this.#preTokenizers = preTokenizers;
  }

  preTokenize(pieces: Pieces): void {
    for (const preTokenizer of this.#preTokenizers) preTokenizer.preTokenize(pieces);
  }
}

/** Sequence of tokenizer.json. */
export function readPreTokenizerSequence(
  fields: Fields,
  nested: (fields: Fields) => PreTokenizer,
): PreTokenizer {
  const stages = fields.objects("pretokenizers");
  return readMarkedWords(stages) ?? new PreTokenizerSequence(stages.map(nested));
}
