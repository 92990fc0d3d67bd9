// Normalizers that add or remove text at the ends: Prepend and Strip.

import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";
import { isWhiteSpace } from "../unicode/classes.js";

/** Puts a text in front, which stands for the first character. An empty text stays empty. */
export class Prepend implements Normalizer {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    if (input.length > 0) output.push(this.#text, input.starts[0], input.ends[0]);
    output.copy(input);
  }
}

/** Removes white space at the ends. */
export class Strip implements Normalizer {
  readonly #left: boolean;
  readonly #right: boolean;

  constructor(left: boolean, right: boolean) {
    this.#left = left;
    this.#right = right;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    let from = 0;
    let to = input.length;
    if (this.#left) while (from < to && isWhiteSpace(input.units[from])) from++;
    if (this.#right) while (to > from && isWhiteSpace(input.units[to - 1])) to--;
    output.copy(input, from, to);
  }
}

/** Prepend of tokenizer.json. */
export function readPrepend(fields: Fields): Normalizer {
  return new Prepend(fields.string("prepend"));
}

/** Strip of tokenizer.json. */
export function readStrip(fields: Fields): Normalizer {
  return new Strip(fields.boolean("strip_left"), fields.boolean("strip_right"));
}
