// Masked language modelling: texts in; blocks of tokens of which a share is hidden, anew in every epoch; perplexity out.
// Predicting fills the mask tokens of texts.
import { AthanorError } from "../errors.js";
import { perplexity } from "../metrics/perplexity.js";
import type { Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import type { Encoding } from "../tokenizers/encoding.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { MaskableExample } from "../training/collators/language-modeling.js";
import type { DataRow, PrepareContext, Task } from "../training/task.js";
import { type Block, BlockMaker } from "./masked-language-modeling/group-texts.js";
import { type FilledMask, labelledRows, rightLabels } from "./masked-language-modeling/predictions.js";
import { PreparedMasks } from "./masked-language-modeling/prepared-masks.js";
import { givenWords, tokenizerWords, type WordsOf } from "./masked-language-modeling/words.js";
import {
  checkOptions,
  columnOf,
  headFault,
  rowFault,
  shareOption,
  shownValue,
  textOf,
  wholeOption,
} from "./rows.js";

const TASK = "maskedLanguageModeling";

export interface MaskedLanguageModelingOptions {
  /** Default "text". */
  textColumn?: string;
  /** Tokens of a block, at most what tokenizer and model take; default 512. */
  maxLength?: number;
  /** Every row is an example of its own, cut at maxLength, instead of blocks of all rows. Default false. */
  lineByLine?: boolean;
  /** Tokens after the last full block are left out (default), or make a shorter block. */
  remainder?: "drop" | "keep";
  /** Share of the tokens, or words, to predict; default 0.15. */
  probability?: number;
  /** Hides whole words. Default false. */
  wholeWord?: boolean;
  /**
   * Cuts a text into words for `wholeWord`, where the tokenizer's own will not do: Chinese. They may come from a
   * column, from a segmenter or from `Intl.Segmenter`. Default: what the tokenizer takes for words.
   */
  words?: WordsOf;
  /** Candidates for every mask when predicting; default 5. */
  topK?: number;
}

/** The result for a row when predicting, for an example when evaluating. */
export interface MaskedLanguagePrediction {
  /** The mask tokens of the text; empty when evaluating. */
  masks: FilledMask[];
  /** When evaluating: labelled tokens, and those for which the right one was the most probable. */
  counted: number;
  right: number;
}

type Settings = ReturnType<typeof checked>;

/**
 * The task of AutoModelForMaskedLM. Rows are texts; blank ones are left out. Evaluating gives `perplexity`, exp of
 * the mean loss over the hidden tokens, and `accuracy`; the tokens hidden then follow from the seed. Predicting fills
 * the mask tokens of each text.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no text, no mask token where one is to be filled.
 *
 * @example
 * const task = maskedLanguageModeling({ maxLength: 128, wholeWord: true });
 * const trainer = new Trainer({ model, tokenizer, task, train: await readPlainText("wiki.txt") });
 * const [{ masks }] = await trainer.predict([{ text: "Paris is the [MASK] of France." }]);
 */
export function maskedLanguageModeling(
  options: MaskedLanguageModelingOptions = {},
): Task<MaskedLanguagePrediction> {
  const settings = checked(options);
  const masks = new PreparedMasks(TASK, settings);
  return {
    name: "masked-language-modeling",
    outputs: [["labelLogits", "logits"]],
    async prepare(rows, context) {
      const tokenizer = requireTokenizer(context);
      if (context.labels === "none") return fillExamples(rows, tokenizer, context, settings, masks);
      return masks.toHide(await maskableExamples(rows, tokenizer, context, settings), tokenizer);
    },
    vary: (examples, random) => masks.hidden(examples, random),
    predict(outputs, examples) {
      if (!outputs.labelLogits && !outputs.logits) throw headFault(TASK, "AutoModelForMaskedLM");
      return labelledRows(outputs, examples).map((rows, i) => {
        const filled = masks.filled(examples[i], rows);
        if (filled) return { masks: filled, counted: 0, right: 0 };
        return { masks: [], ...rightLabels(rows, examples[i]) };
      });
    },
    metricNames: () => ["perplexity", "accuracy"],
    metrics(predictions, _examples, _model, _rows, loss): Record<string, number> {
      const counted = predictions.reduce((sum, prediction) => sum + prediction.counted, 0);
      const right = predictions.reduce((sum, prediction) => sum + prediction.right, 0);
      return {
        ...(loss !== undefined && { perplexity: perplexity(loss) }),
        ...(counted > 0 && { accuracy: right / counted }),
      };
    },
  };
}

const OPTIONS = [
  ...["textColumn", "maxLength", "lineByLine", "remainder", "probability", "wholeWord", "words", "topK"],
] as (keyof MaskedLanguageModelingOptions)[];

function checked(options: MaskedLanguageModelingOptions) {
  checkOptions(TASK, options, OPTIONS);
  const { textColumn = "text", lineByLine = false, remainder = "drop", wholeWord = false, words } = options;
  if (remainder !== "drop" && remainder !== "keep") {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: remainder must be "drop" or "keep", got ${shownValue(remainder)}`,
    );
  }
  if (words !== undefined && !wholeWord)
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: wholeWord must be true beside words, got ${shownValue(wholeWord)}`,
    );
  return {
    ...{ textColumn, lineByLine, remainder, wholeWord, words },
    maxLength: wholeOption(TASK, "maxLength", options.maxLength ?? 512, 1),
    probability: shareOption(TASK, "probability", options.probability ?? 0.15),
    topK: wholeOption(TASK, "topK", options.topK ?? 5, 1),
  };
}

function requireTokenizer({ tokenizer }: PrepareContext): Tokenizer {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  if (tokenizer.maskTokenId !== null) return tokenizer;
  throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must have a mask token, got one without`);
}

const TEXTS_PER_CALL = 256;

async function maskableExamples(
  rows: readonly DataRow[],
  tokenizer: Tokenizer,
  { model, rest }: PrepareContext,
  settings: Settings,
): Promise<MaskableExample[]> {
  const maxLength = lengthLimit(tokenizer, model, settings.maxLength);
  const { lineByLine, textColumn, remainder } = settings;
  const how = lineByLine
    ? ({ truncation: "longest_first", maxLength } as const)
    : ({ truncation: false } as const);
  const lines: Block[] = [];
  const blocks = new BlockMaker(maxLength, settings.wholeWord);
  for (let begin = 0; begin < rows.length; begin += TEXTS_PER_CALL) {
    const numbers: number[] = [];
    const texts: string[] = [];
    rows.slice(begin, begin + TEXTS_PER_CALL).forEach((row, i) => {
      const text = columnOf(Object(row), textColumn);
      if (typeof text !== "string") throw rowFault(TASK, begin + i, textColumn, "a text", text, row);
      if (text.trim() === "") return;
      numbers.push(begin + i);
      texts.push(text);
    });
    for (const [i, encoding] of (await tokenizer.encodeBatchAsync(texts, how)).entries()) {
      const row = numbers[i];
      const specialTokensMask = Uint8Array.from(encoding.specialTokensMask);
      const line: Block = { inputIds: encoding.ids, specialTokensMask, row };
      if (settings.wholeWord) line.wordIds = wordsOf(encoding, texts[i], rows[row], row, settings.words);
      if (lineByLine) lines.push(line);
      else blocks.add(line, row);
      if (i % 16 === 15) await rest();
    }
    await rest();
  }
  return lineByLine ? lines : blocks.end(remainder);
}

function wordsOf(encoding: Encoding, text: string, row: object, index: number, words?: WordsOf): Int32Array {
  return words ? givenWords(TASK, encoding, text, words(text, row), index) : tokenizerWords(encoding);
}

/** Texts with masks to fill. */
async function fillExamples(
  rows: readonly DataRow[],
  tokenizer: Tokenizer,
  { model, rest }: PrepareContext,
  { textColumn, maxLength: wanted }: Settings,
  masks: PreparedMasks,
): Promise<Example[]> {
  const maxLength = lengthLimit(tokenizer, model, wanted);
  const texts = rows.map((row, i) => textOf(TASK, row, i, textColumn));
  const encodings = await tokenizer.encodeBatchAsync(texts, { truncation: "longest_first", maxLength });
  const maskId = tokenizer.maskTokenId as number;
  const examples: Example[] = [];
  for (const [row, { ids, specialTokensMask }] of encodings.entries()) {
    if (!ids.includes(maskId)) {
      const needed = `a text with ${tokenizer.idToToken(maskId)} in its first ${maxLength} tokens`;
      throw rowFault(TASK, row, textColumn, needed, texts[row]);
    }
    const example = { inputIds: ids, labels: masks.toFill(ids, tokenizer), row };
    examples.push(masks.remember(example, tokenizer, specialTokensMask));
    await rest();
  }
  return examples;
}
