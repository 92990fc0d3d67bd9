// Builds an Encoding from the tokens of one or two texts, as a post-processor says.

import { Encoding, type EncodingFields, emptyFields, type TokenLookup } from "./encoding.js";
import type { OffsetTrim, TemplatePiece } from "./stages.js";
import type { TokenBlanks } from "./token-blanks.js";
import type { TokenList } from "./token-list.js";
import type { Window } from "./truncation.js";

/** How tokens become an encoding. */
export interface Assembly {
  pieces: readonly TemplatePiece[];
  trim: OffsetTrim | null;
  /** Blanks at the ends of tokens, for `trim`. */
  blanks: TokenBlanks;
  lookup: TokenLookup;
  /** The first window. The template says the types of its tokens; those of further windows are 0 and 1. */
  main: Window;
  /** The two texts that the offsets count in. */
  texts: readonly [string | readonly string[], string | readonly string[] | null];
}

/** The number of special tokens among the pieces. */
export function addedCount(pieces: readonly TemplatePiece[]): number {
  let count = 0;
  for (const piece of pieces) if ("id" in piece) count++;
  return count;
}

/** The encoding of one window of the texts. */
export function assemble(
  first: TokenList,
  second: TokenList | null,
  window: Window,
  assembly: Assembly,
): Encoding {
  const { pieces, trim, blanks, texts, lookup, main } = assembly;
  let length = window.first[1] - window.first[0] + addedCount(pieces);
  if (second !== null) length += window.second[1] - window.second[0];
  const fields = emptyFields(length);
  fields.attentionMask.fill(1);
  let at = 0;
  for (const piece of pieces) {
    if ("id" in piece) {
      fields.ids[at] = piece.id;
      fields.typeIds[at] = piece.typeId;
      fields.specialTokensMask[at++] = 1;
      continue;
    }
    const tokens = piece.sequence === 0 ? first : second!;
    const range = piece.sequence === 0 ? window.first : window.second;
    // As in the tokenizers library, whose template reaches the tokens of the first window only
    const isMain = range[0] === (piece.sequence === 0 ? main.first : main.second)[0];
    const typeId = isMain ? piece.typeId : piece.sequence;
    copyTokens(tokens, range, { sequence: piece.sequence, typeId }, fields, at);
    if (trim !== null) trimOffsets(tokens, texts[piece.sequence]!, range, fields, at, trim, blanks);
    if (tokens.texts.size > 0) copyTexts(tokens, range, fields, at);
    at += range[1] - range[0];
  }
  return new Encoding(fields, lookup);
}

function copyTokens(
  tokens: TokenList,
  [from, to]: readonly [number, number],
  piece: { sequence: number; typeId: number },
  fields: EncodingFields,
  start: number,
): void {
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
}

function copyTexts(
  { texts }: TokenList,
  [from, to]: readonly [number, number],
  fields: EncodingFields,
  start: number,
): void {
  for (const [at, text] of texts) {
    if (at < from || at >= to) continue;
    fields.texts ??= new Map();
    fields.texts.set(start + at - from, text);
  }
}

// As process_offsets of the tokenizers library: blanks are taken off the span, but one leading blank stays
// where the tokenizer may have added it itself. Blanks count as characters of the text, because an added one
// has the span of the character after it, which may be a surrogate pair.
function trimOffsets(
  tokens: TokenList,
  text: string | readonly string[],
  [from, to]: readonly [number, number],
  fields: EncodingFields,
  start: number,
  { addPrefixSpace }: OffsetTrim,
  blanks: TokenBlanks,
): void {
  const { offsets } = fields;
  for (let i = from; i < to; i++) {
    const id = tokens.ids[i];
    const own = tokens.blanks.size === 0 ? undefined : tokens.blanks.get(i);
    let before = blanks.before(id) + (own?.[0] ?? 0);
    const after = blanks.after(id) + (own?.[1] ?? 0);
    if (before === 0 && after === 0) continue;
    const at = 2 * (start + i - from);
    if (before === 1 && addPrefixSpace && (i === from || offsets[at] === 0)) before = 0;
    const source = typeof text === "string" ? text : text[tokens.words[i]];
    for (; before > 0 && offsets[at] < offsets[at + 1]; before--) {
      offsets[at] += isPair(source, offsets[at]) ? 2 : 1;
    }
    for (let left = after; left > 0 && offsets[at + 1] > offsets[at]; left--) {
      offsets[at + 1] -= isPair(source, offsets[at + 1] - 2) ? 2 : 1;
    }
  }
}

function isPair(text: string, at: number): boolean {
  return (
    at >= 0 && (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
  );
}
