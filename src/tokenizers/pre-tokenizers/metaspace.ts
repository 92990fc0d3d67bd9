// SentencePiece's way with blanks: they become a visible character, and each begins a word.

import type { Fields } from "../fields.js";
import type { Pieces } from "../pieces.js";
import type { PreTokenizer } from "../stages.js";
import { PieceBuilder } from "./delimiters.js";

export const PREPEND_SCHEMES = ["first", "never", "always"] as const;

/** Which pieces get the character in front, if they do not begin with it. "first": that at the text's start. */
export type PrependScheme = (typeof PREPEND_SCHEMES)[number];

/** Replaces blanks and splits before them. */
export class Metaspace implements PreTokenizer {
  readonly #replacement: string;
  readonly #scheme: PrependScheme;
  readonly #splits: boolean;
  readonly #builder = new PieceBuilder("MergedWithNext");

  constructor(replacement = "\u2581", scheme: PrependScheme = "always", splits = true) {
    this.#replacement = replacement;
    this.#scheme = scheme;
    this.#splits = splits;
  }

  preTokenize(pieces: Pieces): void {
    this.#replace(pieces);
    if (this.#splits) this.#split(pieces);
  }

  #replace(pieces: Pieces): void {
    const mark = this.#replacement;
    const unit = mark.length === 1 ? mark.charCodeAt(0) : 0;
    pieces.rewriteEach((text, from, to, output) => {
      const { units, starts, ends } = text;
      const isMarked = units[from] === 0x20 || text.codePointAt(from, to) === mark.codePointAt(0);
      const isPrepended = this.#scheme === "always" || (this.#scheme === "first" && starts[from] === 0);
      if (isPrepended && !isMarked) output.push(mark, starts[from], ends[from]);
      const start = output.length;
      if (unit !== 0) {
        output.copy(text, from, to);
        for (let at = start; at < output.length; at++) {
          if (output.units[at] === 0x20) output.units[at] = unit;
        }
        return;
      }
      for (let at = from; at < to; at++) {
        if (units[at] === 0x20) output.push(mark, starts[at], ends[at]);
        else output.copy(text, at, at + 1);
      }
    });
  }

  #split(pieces: Pieces): void {
    const mark = this.#replacement.codePointAt(0)!;
    const builder = this.#builder;
    pieces.splitEach((text, from, to, spans) => {
      builder.begin(spans);
      let start = from;
      for (let at = from; at < to; ) {
        const point = text.codePointAt(at, to);
        const next = at + (point > 0xffff ? 2 : 1);
        if (point === mark) {
          if (at > start) builder.take(start, at, false);
          builder.take(at, next, true);
          start = next;
        }
        at = next;
      }
      if (to > start) builder.take(start, to, false);
      builder.finish();
    });
  }
}

/** Metaspace of tokenizer.json. */
export function readMetaspace(fields: Fields): PreTokenizer {
  const { replacement, scheme } = readMetaspaceFields(fields);
  return new Metaspace(replacement, scheme, fields.boolean("split", true));
}

/** What pre-tokenizer and decoder have in common; older files say `add_prefix_space`. */
export function readMetaspaceFields(fields: Fields): { replacement: string; scheme: PrependScheme } {
  const replacement = fields.character("replacement");
  const scheme = fields.choice("prepend_scheme", PREPEND_SCHEMES, "always");
  if (fields.boolean("add_prefix_space", true)) return { replacement, scheme };
  if (fields.has("prepend_scheme") && scheme !== "never") {
    throw fields.wrong("prepend_scheme", '"never", as add_prefix_space is false');
  }
  return { replacement, scheme: "never" };
}
