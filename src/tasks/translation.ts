// Translation: sources and targets in, translations out; BLEU and chrF.
import { type BleuTokenizer, bleu, chrf } from "../metrics/index.js";
import type { DataRow, Task } from "../training/task.js";
import { type LanguageOptions, languageOptions } from "./generation/languages.js";
import {
  type GeneratedText,
  type SequenceToSequenceOptions,
  sequenceToSequence,
  sequenceToSequenceOptions,
  type TextPair,
} from "./generation/sequence-to-sequence.js";
import { checkOptions, choiceOption, columnOf, optionFault, rowFault, textOf } from "./rows.js";

const TASK = "translation";
/** How BLEU may cut words. */
export const bleuTokenizers = ["13a", "zh", "char", "intl", "none"] as const;
const OPTIONS = [
  "sourceColumn",
  "targetColumn",
  "pairColumn",
  "bleuTokenizer",
  ...languageOptions,
  ...sequenceToSequenceOptions,
] as const;

export interface TranslationOptions extends SequenceToSequenceOptions, LanguageOptions {
  /** Default "source". */
  sourceColumn?: string;
  /** Default "target". A list of texts holds several right translations; the first is learnt from. */
  targetColumn?: string;
  /**
   * Both columns lie in an object in this column, as Transformers' data sets have them: with "translation",
   * `{ translation: { en: "...", ro: "..." } }` and `sourceColumn: "en"`, `targetColumn: "ro"`.
   */
  pairColumn?: string;
  /** How BLEU cuts words; default "13a". For targets in Chinese "zh". */
  bleuTokenizer?: BleuTokenizer;
}

/**
 * The task of AutoModelForSeq2SeqLM for translation. T5 wants a `prefix`; Marian's tokenizer encodes the two
 * languages in its own way; mBART and mBART-50 need to know them: `srcLang` and `tgtLang`, here or when the tokenizer is
 * loaded.
 *
 * Metrics: `bleu` and `chrf` (0 to 100, as sacreBLEU computes them) of generated translations, beside the loss over the
 * targets' tokens. Preparing rejects with ERR_DATA, naming the row from 0: no source, an empty one, no target.
 *
 * Preparing rejects with ERR_ARGUMENT for languages that the tokenizer does not have.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = translation({ prefix: "translate English to German: ", generation: { numBeams: 4 } });
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 * const [{ text }] = await trainer.predict([{ source: "The cat sleeps." }]);
 */
export function translation(options: TranslationOptions = {}): Task<GeneratedText> {
  checkOptions(TASK, options, OPTIONS);
  const { sourceColumn = "source", targetColumn = "target", pairColumn, bleuTokenizer } = options;
  if (bleuTokenizer !== undefined) choiceOption(TASK, "bleuTokenizer", bleuTokenizer, bleuTokenizers);
  for (const name of languageOptions) {
    const code: unknown = options[name];
    if (code !== undefined && typeof code !== "string")
      throw optionFault(TASK, name, "the code of a language", code);
  }
  const { srcLang, tgtLang } = options;
  const { bleuTokenizer: _b, sourceColumn: _s, targetColumn: _t, pairColumn: _p, ...shared } = options;
  const pairOf = (row: DataRow, index: number): DataRow => {
    if (pairColumn === undefined) return row;
    const pair = columnOf(Object(row), pairColumn);
    if (typeof pair === "object" && pair !== null) return pair;
    throw rowFault(TASK, index, pairColumn, "an object with a text for each language", pair);
  };
  const pair: TextPair = {
    name: TASK,
    languages: { srcLang, tgtLang },
    source: (row, index) => textOf(TASK, pairOf(row, index), index, sourceColumn),
    targets: (row, index) => textsOf(TASK, pairOf(row, index), index, targetColumn),
    scores(texts, references) {
      const most = Math.max(...references.map((own) => own.length));
      const sets = Array.from({ length: most }, (_, i) => references.map((own) => own[i] ?? null));
      const how = bleuTokenizer === undefined ? {} : { tokenize: bleuTokenizer };
      return { bleu: bleu(texts, sets, how).score, chrf: chrf(texts, sets).score };
    },
  };
  return sequenceToSequence(TASK, pair, shared);
}

/** A text, or a list of at least one. @throws ERR_DATA */
export function textsOf(task: string, row: DataRow, index: number, name: string): string[] {
  const value = columnOf(row, name);
  if (!Array.isArray(value)) return [textOf(task, row, index, name)];
  const isText = (text: unknown) => typeof text === "string" && text.trim() !== "";
  if (value.length > 0 && value.every(isText)) return value;
  throw rowFault(task, index, name, "a text, or a list of texts that are not empty", value);
}
