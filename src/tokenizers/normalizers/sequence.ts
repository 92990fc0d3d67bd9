// Normalizers one after the other.

import type { Fields } from "../fields.js";
import { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";

/** Applies normalizers in order. */
export class NormalizerSequence implements Normalizer {
  readonly #normalizers: readonly Normalizer[];
  readonly #spare = [new NormalizedText(), new NormalizedText()];

  constructor(normalizers: readonly Normalizer[]) {
    this.#normalizers = normalizers;
  }

  normalize(input: NormalizedText, output: NormalizedText): void {
    const last = this.#normalizers.length - 1;
    if (last < 0) output.copy(input);
    let from = input;
    for (let i = 0; i <= last; i++) {
      const to = i === last ? output : this.#spare[i % 2];
      if (i < last) to.clear();
      this.#normalizers[i].normalize(from, to);
      from = to;
    }
  }
}

/** Sequence of tokenizer.json. */
export function readNormalizerSequence(fields: Fields, nested: (fields: Fields) => Normalizer): Normalizer {
  return new NormalizerSequence(fields.objects("normalizers").map(nested));
}
