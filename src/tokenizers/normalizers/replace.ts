// Replaces what a pattern matches by a text, in the normalizer and in the decoder of that name.

import type { Fields } from "../fields.js";
import { NormalizedText } from "../normalized-text.js";
import { readPatternField } from "../regex/field.js";
import type { Pattern } from "../regex/pattern.js";
import type { Decoder, Normalizer } from "../stages.js";

/** Replaces matches. The new text stands for the last character of the match. */
export class Replace implements Normalizer, Decoder {
  readonly #pattern: Pattern;
  readonly #content: string;
  readonly #input = new NormalizedText();
  readonly #output = new NormalizedText();

  constructor(pattern: Pattern, content: string) {
    this.#pattern = pattern;
    this.#content = content;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    let at = 0;
    // As in the reference, an empty text has no matches
    if (input.length === 0) return;
    this.#pattern.each(input, 0, input.length, (start, end) => {
      output.copy(input, at, start);
      const last = Math.max(end - 1, 0);
      const isAtStart = end === 0;
      output.push(this.#content, input.starts[last], isAtStart ? input.starts[last] : input.ends[last]);
      at = end;
    });
    output.copy(input, at);
  }

  decode(tokens: string[]): string[] {
    return tokens.map((token) => {
      this.#input.clear();
      this.#output.clear();
      this.#input.load(token);
      this.normalize(this.#input, this.#output);
      return this.#output.slice();
    });
  }
}

/** Replace of tokenizer.json. */
export function readReplace(fields: Fields): Replace {
  return new Replace(readPatternField(fields, "pattern"), fields.string("content"));
}
