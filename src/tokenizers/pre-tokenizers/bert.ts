// BERT's word splitting: white space separates and disappears, every punctuation character is a word of its
// own.

import { bertCharacterTable, PUNCTUATION, WHITESPACE } from "../bert-characters.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import type { Spans } from "../token-list.js";

/** Splits at white space and around punctuation, as BERT defines it (all ASCII symbols are punctuation). */
export class BertPreTokenizer implements PreTokenizer {
  readonly #classes = bertCharacterTable();

  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => this.#split(text, from, to, spans));
  }

  #split(text: NormalizedText, from: number, to: number, spans: Spans): void {
    const classes = this.#classes;
    const { units } = text;
    let start = from;
    let at = from;
    while (at < to) {
      let point = units[at];
      let next = at + 1;
      if ((point & 0xfc00) === 0xd800 && next < to && (units[next] & 0xfc00) === 0xdc00) {
        point = 0x10000 + ((point & 0x3ff) << 10) + (units[next] & 0x3ff);
        next++;
      }
      const flags = classes[point] & (WHITESPACE | PUNCTUATION);
      if (flags !== 0) {
        if (at > start) spans.push(start, at);
        if (flags & PUNCTUATION) spans.push(at, next);
        start = next;
      }
      at = next;
    }
    if (to > start) spans.push(start, to);
  }
}

/** BertPreTokenizer of tokenizer.json: no fields. */
export function readBertPreTokenizer(): BertPreTokenizer {
  return new BertPreTokenizer();
}
