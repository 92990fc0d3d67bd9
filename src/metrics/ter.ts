// Translation edit rate (Snover et al. 2006) as sacreBLEU 2.6.0 computes it (sacrebleu/metrics/ter.py): insertions,
// deletions, substitutions and shifts of word sequences, per reference word.

import { type Arithmetic, PYTHON_FLOATS } from "./arithmetic.js";
import { WordNumbers } from "./ngram-counter.js";
import { splitWords, stripEnd } from "./python-text.js";
import { editsWithShifts } from "./ter-shifts.js";
import {
  type BootstrapOptions,
  type Confidence,
  checkFlags,
  describe,
  type ReferenceSet,
  referencesOfOne,
  type TranslationMetric,
  yesNo,
} from "./translation.js";

/** Options of TER; all default to false, as in sacreBLEU. */
export interface TerOptions {
  /** Tells upper from lower case. */
  caseSensitive?: boolean;
  /** Tercom's normalization: entities, line ends, punctuation apart. */
  normalized?: boolean;
  /** Removes punctuation. */
  noPunct?: boolean;
  /** Extends `normalized` (characters apart) and `noPunct` to Chinese and Japanese; alone it does nothing. */
  asianSupport?: boolean;
}

/** A TER score. */
export interface TerScore {
  /** Edits per 100 reference words: 0 is best, and more than 100 is possible. */
  score: number;
  /** Edits, of each sentence against the reference that needs fewest. */
  numEdits: number;
  /** Reference words, of each sentence the mean over its references. */
  refLength: number;
  /** How the score was made, as sacreBLEU writes it. */
  signature: string;
  /** When `bootstrap` was asked for. */
  confidence?: Confidence;
}

/**
 * TER of a corpus, equal to sacreBLEU's `TER(...).corpus_score`. References, memory and errors as in `bleu`.
 * The search for shifts stops after 1,000 tries a sentence, as in the reference.
 *
 * @example
 * ter(["b a c"], [["a b c"]]).score; // 33.33: one shift, three words
 */
export function ter(
  hypotheses: readonly string[],
  references: readonly ReferenceSet[],
  options: TerOptions & BootstrapOptions = {},
): TerScore {
  const metric = new Ter("ter", options);
  const { sums, ...about } = describe(metric, hypotheses, references, options);
  return { ...parts(metric, sums), ...about };
}

/**
 * TER of one sentence.
 *
 * @example
 * sentenceTer("a b", ["a b c", "a b"]).numEdits; // 0
 */
export function sentenceTer(
  hypothesis: string,
  references: readonly string[],
  options: TerOptions = {},
): TerScore {
  const metric = new Ter("sentenceTer", options);
  const { sums, signature } = describe(metric, [hypothesis], referencesOfOne(metric.who, references), {});
  return { ...parts(metric, sums), signature };
}

function parts(metric: Ter, sums: Float64Array) {
  return { score: metric.score(sums, PYTHON_FLOATS), numEdits: sums[0], refLength: sums[1] };
}

/** TER as a metric whose sentences can be resampled. Statistics: edits, mean reference length. */
export class Ter implements TranslationMetric {
  readonly who: string;
  readonly width = 2;
  readonly options: string;
  readonly #options: Required<TerOptions>;
  readonly #words = new WordNumbers();

  constructor(who: string, options: TerOptions) {
    const { caseSensitive = false, normalized = false, noPunct = false, asianSupport = false } = options;
    this.#options = { caseSensitive, normalized, noPunct, asianSupport };
    checkFlags(who, { ...this.#options });
    this.who = who;
    const [norm, punct, asian] = [normalized, !noPunct, asianSupport].map(yesNo);
    this.options = `case:${caseSensitive ? "mixed" : "lc"}|tok:tercom|norm:${norm}|punct:${punct}|asian:${asian}`;
  }

  measure(hypothesis: string, references: readonly string[], row: Float64Array): void {
    this.#words.begin();
    const words = this.#words.number(this.#tokenize(hypothesis));
    let edits = Number.POSITIVE_INFINITY;
    let lengths = 0;
    for (const reference of references) {
      // sacreBLEU tokenizes references twice (base.py, then ter.py). It shows in "x's" before a tab or a carriage
      // return, whose clitic only the second pass sets apart.
      const other = this.#words.number(this.#tokenize(this.#tokenize(reference).join(" ")));
      lengths += other.length;
      edits = Math.min(edits, editsWithShifts(words, other));
    }
    row[0] = edits;
    row[1] = lengths / references.length;
  }

  score([edits, words]: Float64Array, { round }: Arithmetic): number {
    if (words > 0) return round(100 * round(edits / words));
    return edits > 0 ? 100 : 0;
  }

  isDouble([, words]: Float64Array): boolean {
    return words === 0;
  }

  #tokenize(text: string): string[] {
    return splitWords(tercom(stripEnd(text), this.#options));
  }
}

const CJK = /[\u2e80-\u2eff\u31c0-\u31ef\u3200-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f]/g;
const CJK_PUNCTUATION =
  /[\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09]/g;

/** Tercom's tokenization (sacrebleu/tokenizers/tokenizer_ter.py), up to the splitting at white space. */
function tercom(text: string, options: Required<TerOptions>): string {
  let line = options.caseSensitive ? text : text.toLowerCase();
  if (options.normalized) {
    line = normalizeWestern(line);
    // The reference also has rules for runs of kana that ask for the start of the line, where the space put
    // there by the step before always stands: they never apply.
    if (options.asianSupport) line = line.replace(CJK, " $& ").replace(CJK_PUNCTUATION, " $& ");
  }
  if (options.noPunct) {
    line = line.replace(/[.,?:;!"()]/g, "");
    if (options.asianSupport) line = line.replace(CJK_PUNCTUATION, "");
  }
  return line;
}

function normalizeWestern(text: string): string {
  if (text === "") return text;
  const plain = text
    .replaceAll("\n-", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");
  return ` ${plain} `
    .replace(/[!-&(-+:-@/[-`{-~]/g, " $& ")
    .replaceAll("'s ", " 's ")
    .replace(/([^0-9])([.,])/g, "$1 $2 ")
    .replace(/([.,])([^0-9])/g, " $1 $2")
    .replace(/([0-9])-/g, "$1 - ");
}
