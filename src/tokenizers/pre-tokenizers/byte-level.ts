// GPT-2's word splitting, and the bytes of the words as characters.

import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import type { Spans } from "../token-list.js";
import { appendBytes } from "../unicode/byte-level.js";
import { characterClasses, LETTER, NUMBER, WHITE_SPACE } from "../unicode/classes.js";

const BLANK = 0x20;
const APOSTROPHE = 0x27;
const KINDS = LETTER | NUMBER | WHITE_SPACE;

/** Splits as GPT-2 does, and writes each word in the alphabet of bytes. */
export class ByteLevelPreTokenizer implements PreTokenizer {
  readonly #addPrefixSpace: boolean;
  readonly #splits: boolean;
  readonly #classes = characterClasses();

  constructor(addPrefixSpace = true, splits = true) {
    this.#addPrefixSpace = addPrefixSpace;
    this.#splits = splits;
  }

  preTokenize(pieces: Pieces): void {
    if (this.#addPrefixSpace) pieces.rewriteEach(withBlank);
    if (this.#splits) pieces.splitEach((text, from, to, spans) => this.#split(text, from, to, spans));
    pieces.rewriteEach(appendBytes);
  }

  // The words that GPT-2's regular expression finds; they cover the text:
  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  #split(text: NormalizedText, from: number, to: number, spans: Spans): void {
    const { units } = text;
    const classes = this.#classes;
    for (let at = from; at < to; ) {
      const start = at;
      if (units[at] === APOSTROPHE) {
        at += contractionLength(units, at, to);
        if (at > start) {
          spans.push(start, at);
          continue;
        }
      }
      if (units[at] === BLANK && at + 1 < to) at++;
      const kind = classes[text.codePointAt(at, to)] & KINDS;
      if (kind === WHITE_SPACE) {
        at = this.#endOfBlanks(units, start, to);
      } else {
        do {
          at += (units[at] & 0xfc00) === 0xd800 && text.codePointAt(at, to) > 0xffff ? 2 : 1;
        } while (at < to && (classes[text.codePointAt(at, to)] & KINDS) === kind);
      }
      spans.push(start, at);
    }
  }

  // A run of white space goes on to its end, but leaves its last character to a word that follows it.
  #endOfBlanks(units: Uint16Array, start: number, to: number): number {
    let at = start;
    while (at < to && (this.#classes[units[at]] & WHITE_SPACE) !== 0) at++;
    return at < to && at - start > 1 ? at - 1 : at;
  }
}

/** ByteLevel of tokenizer.json. */
export function readByteLevelPreTokenizer(fields: Fields): PreTokenizer {
  return new ByteLevelPreTokenizer(fields.boolean("add_prefix_space"), fields.boolean("use_regex", true));
}

function withBlank(text: NormalizedText, from: number, to: number, output: NormalizedText): void {
  if (text.units[from] !== BLANK) output.push(" ", text.starts[from], text.ends[from]);
  output.copy(text, from, to);
}

// The length of 's 't 're 've 'm 'll 'd at a place, or 0.
function contractionLength(units: Uint16Array, at: number, to: number): number {
  if (at + 1 >= to) return 0;
  const first = String.fromCharCode(units[at + 1]);
  if ("stmd".includes(first)) return 2;
  if (at + 2 >= to || !"rvl".includes(first)) return 0;
  const second = String.fromCharCode(units[at + 2]);
  return second === (first === "l" ? "l" : "e") ? 3 : 0;
}
