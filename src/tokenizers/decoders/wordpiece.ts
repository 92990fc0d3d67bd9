// WordPiece tokens back to text: a token with the prefix joins its predecessor, any other follows a blank.
// The blanks before punctuation go (token by token, as the tokenizers library does); `cleanUp` does the same
// once more over the whole text, which also reaches English contractions.

import type { Decoder } from "../stages.js";

// In this order, each everywhere before the next.
const CONTRACTIONS: [string, string][] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Joins WordPiece tokens. */
export class WordPieceDecoder implements Decoder {
  readonly #prefix: string;

  constructor(prefix = "##") {
    this.#prefix = prefix;
  }

  decode(tokens: string[], cleanUp: boolean): string {
    let text = "";
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      if (i === 0) text = tidy(token);
      else if (token.startsWith(this.#prefix)) text += tidy(token.slice(this.#prefix.length));
      else text += tidy(` ${token}`);
    }
    return cleanUp ? tidy(text) : text;
  }
}

function tidy(text: string): string {
  let result = text;
  for (const [from, to] of CONTRACTIONS) if (result.includes(from)) result = result.replaceAll(from, to);
  return result;
}
