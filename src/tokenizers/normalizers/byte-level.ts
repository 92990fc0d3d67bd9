// ByteLevel as a normalizer: text to bytes, each a character of its own.

import type { NormalizedText } from "../normalized-text.js";
import type { Normalizer } from "../stages.js";
import { appendBytes } from "../unicode/byte-level.js";

/** Writes the bytes of the text (UTF-8) in the alphabet of byte-level tokenizers. */
export class ByteLevelNormalizer implements Normalizer {
  normalize(input: NormalizedText, output: NormalizedText): void {
    appendBytes(input, 0, input.length, output);
  }
}

/** ByteLevel of tokenizer.json: no fields. */
export function readByteLevelNormalizer(): Normalizer {
  return new ByteLevelNormalizer();
}
