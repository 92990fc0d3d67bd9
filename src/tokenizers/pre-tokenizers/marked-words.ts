// WhitespaceSplit and Metaspace in one go, as all tokenizers with a SentencePiece vocabulary begin: what is
// between white space is a word with a mark in front. One pass over the text, where two stages copy every
// word by itself.

import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import type { Spans } from "../token-list.js";
import { whiteSpaceUnits } from "../unicode/classes.js";
import { readMetaspaceFields } from "./metaspace.js";

/** Splits at white space and marks each word. */
export class MarkedWords implements PreTokenizer {
  readonly #mark: number;
  readonly #isWhite = whiteSpaceUnits();

  /** @param mark one code unit */
  constructor(mark: number) {
    this.#mark = mark;
  }

  preTokenize(pieces: Pieces): void {
    pieces.rewriteAndSplitEach((text, from, to, output, spans) => this.#split(text, from, to, output, spans));
  }

  #split(text: NormalizedText, from: number, to: number, output: NormalizedText, spans: Spans): void {
    const mark = this.#mark;
    const isWhite = this.#isWhite;
    // Every second character at most begins a word
    output.reserve(2 * (to - from));
    const { units, starts, ends } = text;
    const { units: newUnits, starts: newStarts, ends: newEnds } = output;
    let length = output.length;
    let begin = -1;
    for (let at = from; at < to; at++) {
      const unit = units[at];
      if (isWhite[unit] === 1) {
        if (begin >= 0) spans.push(begin, length);
        begin = -1;
        continue;
      }
      if (unit === mark) {
        // A mark in the text begins a piece of its own
        if (begin >= 0) spans.push(begin, length);
        begin = length;
      } else if (begin < 0) {
        begin = length;
        newUnits[length] = mark;
        newStarts[length] = starts[at];
        newEnds[length++] = ends[at];
      }
      newUnits[length] = unit;
      newStarts[length] = starts[at];
      newEnds[length++] = ends[at];
    }
    if (begin >= 0) spans.push(begin, length);
    output.length = length;
  }
}

/** The two as one, if these are the two and every word gets its mark; else null. */
export function readMarkedWords(stages: readonly Fields[]): MarkedWords | null {
  const types = stages.map((stage) => stage.get("type"));
  if (types.join() !== "WhitespaceSplit,Metaspace") return null;
  const { replacement, scheme } = readMetaspaceFields(stages[1]);
  const isPlain = scheme === "always" && stages[1].boolean("split", true) && replacement.length === 1;
  return isPlain ? new MarkedWords(replacement.charCodeAt(0)) : null;
}
