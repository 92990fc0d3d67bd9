// Summarization: documents and summaries in, summaries out; ROUGE.
import { type RougeTokenizer, rouge, splitSentences } from "../metrics/index.js";
import type { DataRow, Task } from "../training/task.js";
import {
  type GeneratedText,
  type SequenceToSequenceOptions,
  sequenceToSequence,
  sequenceToSequenceOptions,
  type TextPair,
} from "./generation/sequence-to-sequence.js";
import { checkOptions, choiceOption, columnOf, flagOption, textOf } from "./rows.js";
import { textsOf } from "./translation.js";

const TASK = "summarization";
const OPTIONS = [
  "documentColumn",
  "summaryColumn",
  "useStemmer",
  "rougeTokenizer",
  ...sequenceToSequenceOptions,
] as const;

export interface SummarizationOptions extends SequenceToSequenceOptions {
  /** Default "document". A list of sentences is joined by blanks. */
  documentColumn?: string;
  /** Default "summary". A list of texts holds several good summaries; the first is learnt from. */
  summaryColumn?: string;
  /** Compares stems of English words, as is usual; default true. */
  useStemmer?: boolean;
  /** Default "rouge", for English; for Chinese "characters". */
  rougeTokenizer?: RougeTokenizer;
}

/**
 * The task of AutoModelForSeq2SeqLM for summarization. T5 wants the `prefix` "summarize: ".
 *
 * Metrics: F-measures of `rouge1`, `rouge2`, `rougeL` and `rougeLsum` (0 to 100; of several summaries the one that scores
 * best; sentences for rougeLsum by `splitSentences`) of generated summaries, beside the loss. Preparing
 * rejects with ERR_DATA, naming the row from 0: no document, an empty one, no summary.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = summarization({ prefix: "summarize: ", maxSourceLength: 512, generation: { numBeams: 4 } });
 * const trainer = new Trainer({ model, tokenizer, task, train: rows });
 * const [{ text }] = await trainer.predict([{ document: "..." }]);
 */
export function summarization(options: SummarizationOptions = {}): Task<GeneratedText> {
  checkOptions(TASK, options, OPTIONS);
  const { documentColumn = "document", summaryColumn = "summary" } = options;
  const { useStemmer = true, rougeTokenizer: tokenizer } = options;
  flagOption(TASK, "useStemmer", useStemmer);
  if (tokenizer !== undefined && typeof tokenizer !== "function")
    choiceOption(TASK, "rougeTokenizer", tokenizer, ["rouge", "characters"]);
  const { documentColumn: _d, summaryColumn: _s, useStemmer: _u, rougeTokenizer: _r, ...shared } = options;
  const pair: TextPair = {
    name: TASK,
    source: (row, index) => documentOf(row, index, documentColumn),
    targets: (row, index) => textsOf(TASK, row, index, summaryColumn),
    scores(texts, references) {
      const how = { useStemmer, ...(tokenizer && { tokenizer }) };
      const lines = (text: string) => splitSentences(text).join("\n");
      const scores = rouge(
        texts.map(lines),
        references.map((own) => own.map(lines)),
        how,
      );
      return Object.fromEntries(
        Object.entries(scores).map(([type, { mean }]) => [type, 100 * mean.fmeasure]),
      );
    },
  };
  return sequenceToSequence(TASK, pair, shared);
}

function documentOf(row: DataRow, index: number, column: string): string {
  const value = columnOf(Object(row), column);
  const sentences = Array.isArray(value) && value.every((sentence) => typeof sentence === "string");
  return textOf(TASK, sentences ? { ...row, [column]: value.join(" ") } : row, index, column);
}
