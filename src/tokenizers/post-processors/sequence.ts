// Post-processors one after the other: one that trims offsets, one that adds special tokens.

import type { Fields } from "../fields.js";
import type { OffsetTrim, PostProcessor, TemplatePiece } from "../stages.js";
import { plainPostProcessor } from "./template.js";

class PostProcessorSequence implements PostProcessor {
  readonly trim: OffsetTrim | null;
  readonly #template: PostProcessor;

  constructor(template: PostProcessor, trim: OffsetTrim | null) {
    this.#template = template;
    this.trim = trim;
  }

  pieces(pair: boolean, addSpecialTokens: boolean): readonly TemplatePiece[] {
    return this.#template.pieces(pair, addSpecialTokens);
  }
}

/** Sequence of tokenizer.json. The reference fails, too, when two of its members add special tokens. */
export function readPostProcessorSequence(
  fields: Fields,
  nested: (fields: Fields) => PostProcessor,
): PostProcessor {
  const parts = fields.objects("processors").map(nested);
  const templates = parts.filter((part) => addsTokens(part));
  const trims = parts.flatMap(({ trim }) => trim ?? []);
  if (templates.length > 1) throw fields.wrong("processors", "at most one that adds special tokens");
  if (trims.length > 1) throw fields.wrong("processors", "at most one that trims offsets");
  return new PostProcessorSequence(templates[0] ?? plainPostProcessor(), trims[0] ?? null);
}

// A template without special tokens may still give type ids of its own.
function addsTokens(part: PostProcessor): boolean {
  const isPlain = (pair: boolean) =>
    part.pieces(pair, true).every((piece, index) => "sequence" in piece && piece.typeId === index);
  return !isPlain(false) || !isPlain(true);
}
