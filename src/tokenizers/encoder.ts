// One or two texts to an Encoding: tokens from the pipeline, truncation, special tokens.

import type { AddedTokens } from "./added-tokens.js";
import { type Assembly, addedCount, assemble } from "./assemble.js";
import type { Encoding, TokenLookup } from "./encoding.js";
import { type ResolvedOptions, wrong } from "./options.js";
import { Pipeline } from "./pipeline.js";
import type { EncodingStages } from "./source.js";
import type { PostProcessor } from "./stages.js";
import type { TokenBlanks } from "./token-blanks.js";
import { TokenList } from "./token-list.js";
import { type Truncation, truncationWindows } from "./truncation.js";

const NO_TRUNCATION: Truncation = { strategy: "longest_first", stride: 0, side: "right" };

type Text = string | readonly string[];

/** Encodes with one set of stages. Calls do not influence each other. */
export class Encoder {
  readonly #pipeline: Pipeline;
  readonly #postProcessor: PostProcessor;
  readonly #languages: ReadonlyMap<string, PostProcessor>;
  readonly #shared: { lookup: TokenLookup; blanks: TokenBlanks };
  readonly #first = new TokenList();
  readonly #second = new TokenList();

  constructor(
    stages: EncodingStages,
    added: AddedTokens,
    shared: { lookup: TokenLookup; blanks: TokenBlanks },
    languages: ReadonlyMap<string, PostProcessor> = new Map(),
  ) {
    this.#pipeline = new Pipeline(stages.normalizer, stages.preTokenizer, stages.model, added);
    this.#postProcessor = stages.postProcessor;
    this.#languages = languages;
    this.#shared = shared;
  }

  /** @throws AthanorError ERR_ARGUMENT: truncation that cannot be done. */
  encode(who: string, text: Text, pair: Text | null, resolved: ResolvedOptions): Encoding {
    const { truncation, addSpecialTokens, language } = resolved;
    const postProcessor = (language !== null && this.#languages.get(language)) || this.#postProcessor;
    const first = this.#first;
    const second = pair === null ? null : this.#second;
    // A first text that must stay whole is read whole, as in the tokenizers library
    const stays = truncation?.strategy === "only_second";
    this.#pipeline.run(text, stays ? Number.POSITIVE_INFINITY : resolved.limit, first);
    if (pair !== null) this.#pipeline.run(pair, resolved.limit, this.#second);
    const pieces = postProcessor.pieces(pair !== null, addSpecialTokens);
    const room = this.#room(who, resolved, pair !== null, addedCount(pieces));
    const how = truncation ?? NO_TRUNCATION;
    const windows = truncationWindows(
      [first.length, second?.length ?? 0],
      [comparedLength(text, first, resolved, how), comparedLength(pair, second, resolved, how)],
      room,
      pair !== null,
      how,
    );
    const { trim } = postProcessor;
    const assembly: Assembly = {
      main: windows[0],
      pieces,
      trim,
      texts: [text, pair],
      ...this.#shared,
    };
    const encoding = assemble(first, second, windows[0], assembly);
    if (resolved.returnOverflow) {
      for (const window of windows.slice(1)) {
        encoding.overflowing.push(assemble(first, second, window, assembly));
      }
    }
    return encoding;
  }

  // Tokens that fit beside the special ones.
  #room(who: string, resolved: ResolvedOptions, isPair: boolean, added: number): number {
    const { truncation, maxLength } = resolved;
    if (truncation === null) return Number.POSITIVE_INFINITY;
    if (maxLength < added) throw wrong(who, "maxLength", `at least the ${added} special tokens`, maxLength);
    this.#checkStride(who, resolved, truncation.stride);
    if (truncation.strategy === "only_second" && !isPair) {
      throw wrong(who, "truncation", "longest_first or only_first without a pair", truncation.strategy);
    }
    return maxLength - added;
  }

  // Also where nothing is cut: a stride that cannot work should not wait for the first long text. As in the
  // tokenizers library this counts the special tokens of a single text.
  #checkStride(who: string, resolved: ResolvedOptions, stride: number): void {
    const added = addedCount(this.#postProcessor.pieces(false, resolved.addSpecialTokens));
    const room = Math.max(resolved.maxLength - added, 0);
    if (stride > room) {
      throw wrong(who, "stride", `less than the ${room} tokens beside the special ones`, stride);
    }
  }
}

// The length by which "longest_first" compares two texts. The tokenizers library stops reading a text that is
// too long, but reads all words of a text that comes as words.
function comparedLength(
  text: Text | null,
  tokens: TokenList | null,
  resolved: ResolvedOptions,
  how: Truncation,
): number {
  if (tokens === null) return 0;
  return typeof text === "string" ? tokens.lengthOfWords(resolved.maxLength, how.side) : tokens.length;
}
