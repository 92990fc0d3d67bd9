// Builds an Encoding from tokens of one or two texts by a template: a list of special tokens and of places
// for texts.

import { Encoding, type EncodingFields, emptyFields, type TokenLookup } from "../encoding.js";
import type { TokenList } from "../token-list.js";
import type { Window } from "../truncation.js";

/** A special token, or the place of the first (0) or second (1) text. */
export type TemplatePiece = { id: number; typeId: number } | { sequence: 0 | 1; typeId: number };

/** Adds special tokens and type ids as its two templates say. */
export class TemplatePostProcessor {
  readonly #single: readonly TemplatePiece[];
  readonly #pair: readonly TemplatePiece[];

  constructor(single: readonly TemplatePiece[], pair: readonly TemplatePiece[]) {
    this.#single = single;
    this.#pair = pair;
  }

  /** The number of special tokens added to one text, or to a pair. */
  addedCount(pair: boolean): number {
    return (pair ? this.#pair : this.#single).filter((piece) => "id" in piece).length;
  }

  /** The encoding of one window of the texts. */
  process(
    first: TokenList,
    second: TokenList | null,
    window: Window,
    addSpecialTokens: boolean,
    lookup: TokenLookup,
  ): Encoding {
    const pieces = second === null ? this.#single : this.#pair;
    let length = window.first[1] - window.first[0];
    if (second !== null) length += window.second[1] - window.second[0];
    if (addSpecialTokens) length += this.addedCount(second !== null);
    const fields = emptyFields(length);
    fields.attentionMask.fill(1);
    let at = 0;
    for (const piece of pieces) {
      if ("sequence" in piece) {
        const tokens = piece.sequence === 0 ? first : second!;
        at = copyTokens(tokens, piece.sequence === 0 ? window.first : window.second, piece, fields, at);
      } else if (addSpecialTokens) {
        fields.ids[at] = piece.id;
        fields.typeIds[at] = piece.typeId;
        fields.specialTokensMask[at++] = 1;
      }
    }
    return new Encoding(fields, lookup);
  }
}

function copyTokens(
  tokens: TokenList,
  [from, to]: readonly [number, number],
  piece: { sequence: number; typeId: number },
  fields: EncodingFields,
  start: number,
): number {
  const { ids, starts, ends, words } = tokens;
  let at = start;
  for (let i = from; i < to; i++, at++) {
    fields.ids[at] = ids[i];
    fields.typeIds[at] = piece.typeId;
    fields.offsets[2 * at] = starts[i];
    fields.offsets[2 * at + 1] = ends[i];
    fields.words[at] = words[i];
    fields.sequences[at] = piece.sequence;
  }
  return at;
}
