// Splits at what a pattern matches, or at what lies between its matches.

import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import { readPatternField } from "../regex/field.js";
import type { Pattern } from "../regex/pattern.js";
import type { PreTokenizer } from "../stages.js";
import type { Spans } from "../token-list.js";
import { BEHAVIORS, type Behavior, PieceBuilder } from "./delimiters.js";

/** Splits by a pattern. `invert`: the delimiters are what it does not match. */
export class Split implements PreTokenizer {
  readonly #pattern: Pattern;
  readonly #builder: PieceBuilder;
  readonly #invert: boolean;

  constructor(pattern: Pattern, behavior: Behavior, invert: boolean) {
    this.#pattern = pattern;
    this.#builder = new PieceBuilder(behavior);
    this.#invert = invert;
  }

  preTokenize(pieces: Pieces): void {
    pieces.splitEach((text, from, to, spans) => this.#split(text, from, to, spans));
  }

  #split(text: NormalizedText, from: number, to: number, spans: Spans): void {
    const builder = this.#builder;
    builder.begin(spans);
    let at = from;
    this.#pattern.each(text, from, to, (start, end) => {
      if (start > at) builder.take(at, start, this.#invert);
      builder.take(start, end, !this.#invert);
      at = end;
    });
    if (to > at) builder.take(at, to, this.#invert);
    builder.finish();
  }
}

/** Split of tokenizer.json. */
export function readSplit(fields: Fields): PreTokenizer {
  const pattern = readPatternField(fields, "pattern");
  return new Split(pattern, fields.choice("behavior", BEHAVIORS), fields.boolean("invert", false));
}
