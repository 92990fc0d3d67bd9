// WordPiece tokens back to text: a token with the prefix joins its predecessor, any other follows a blank.
// The blanks before punctuation go, token by token, as the tokenizers library does it.

import type { Fields } from "../fields.js";
import type { Decoder } from "../stages.js";
import { withoutBlanks } from "./clean-up.js";

/** Joins WordPiece tokens. */
export class WordPieceDecoder implements Decoder {
  readonly #prefix: string;
  readonly #cleanUp: boolean;

  constructor(prefix = "##", cleanUp = true) {
    this.#prefix = prefix;
    this.#cleanUp = cleanUp;
  }

  decode(tokens: string[]): string[] {
    return tokens.map((token, index) => {
      const text = index === 0 ? token : this.#joined(token);
      return this.#cleanUp ? withoutBlanks(text, true) : text;
    });
  }

  #joined(token: string): string {
    return token.startsWith(this.#prefix) ? token.slice(this.#prefix.length) : ` ${token}`;
  }
}

/** WordPiece of tokenizer.json. */
export function readWordPieceDecoder(fields: Fields): WordPieceDecoder {
  return new WordPieceDecoder(fields.string("prefix", "##"), fields.boolean("cleanup", true));
}
