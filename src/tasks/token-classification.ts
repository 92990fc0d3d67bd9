// Token classification: words in, a label for each and the entities that they make out. Named entities, parts of
// speech, chunks. Labels lie on tokens by the words that tokens belong to.
import { AthanorError } from "../errors.js";
import type { Encoding } from "../tokenizers/encoding.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { DataRow, PrepareContext, Task } from "../training/task.js";
import { labelNames } from "./class-names.js";
import { rowFault } from "./rows.js";
import {
  type AlignmentOptions,
  alignLabels,
  insideLabels,
  type TagReader,
  tagReader,
} from "./token-classification/labels.js";
import {
  joinedResult,
  type TokenClassification,
  type WindowPrediction,
  windowPredictions,
} from "./token-classification/results.js";
import { wordMetricNames, wordMetrics } from "./token-classification/scores.js";
import {
  checkedOptions,
  type Settings,
  type TokenClassificationOptions,
} from "./token-classification/settings.js";
import {
  continuesWord,
  encodedWindows,
  firstTokensOf,
  type TaggedWindow,
  type WindowOptions,
  windowOptions,
  windowSource,
} from "./token-classification/windows.js";
import { foundWords, givenWords, TASK, type WordText, wordsOfTokens } from "./token-classification/words.js";

// Rows per call of the tokenizer, so that few encodings are alive at once.
const ROWS_PER_CALL = 256;

/**
 * The task of AutoModelForTokenClassification, whose labels are `tokenLabelNames(rows)`. Rows have words in a list and
 * labels beside them, as readConll and readConllu give them; to predict, words or a text. Results are one per row: a
 * label for every word, and entities with their places in the text.
 *
 * Metrics are over words: with labels such as B-PER those of seqeval, of all entities and by type; else accuracy.
 * Preparing rejects with ERR_DATA, naming the row from 0: no words, no labels, as many labels as there are no words, an
 * unknown label. ERR_ARGUMENT for a tokenizer that does not tell words apart.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = tokenClassification({ stride: 16 });
 * const trainer = new Trainer({ model, tokenizer, task, train: await readConll("wnut17train.conll") });
 * const [{ entities }] = await trainer.predict([{ text: "Ada lives in London." }]);
 */
export function tokenClassification(
  options: TokenClassificationOptions = {},
): Task<WindowPrediction, TokenClassification> {
  const settings = checkedOptions(options);
  return {
    name: "token-classification",
    prepare: (rows, context) => prepared(rows, context, settings),
    predict: (outputs, examples, model) => windowPredictions(outputs, examples as TaggedWindow[], model),
    join(predictions, examples, rows, model): TokenClassification[] {
      const windows: WindowPrediction[][] = rows.map(() => []);
      const texts: (WordText | undefined)[] = rows.map(() => undefined);
      (examples as TaggedWindow[]).forEach(({ row, source }, i) => {
        windows[row].push(predictions[i]);
        texts[row] = source?.words;
      });
      return rows.map((row, i) => {
        if (texts[i]) return joinedResult(texts[i], windows[i], model);
        // No token in all of the row.
        const { given, text } = readRow(row, i, undefined, settings);
        return joinedResult(given ?? foundWords(text, []), [], model);
      });
    },
    metricNames: (model) => wordMetricNames(model, settings),
    metrics: (results, _examples, model, rows) => wordMetrics(results, rows, model, settings),
  };
}

/** What all rows of a preparation share. */
interface Preparation {
  tokenizer: Tokenizer;
  shape: WindowOptions;
  alignment: AlignmentOptions;
  /** Windows are to train on alone, not to predict from. */
  training: boolean;
  settings: Settings;
}

async function prepared(
  rows: readonly DataRow[],
  context: PrepareContext,
  settings: Settings,
): Promise<TaggedWindow[]> {
  const { tokenizer, model, labels, purpose, rest } = context;
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const tagsOf = labels === "required" ? tagReader(model, settings.columns) : undefined;
  const preparation: Preparation = {
    ...{ tokenizer, settings, shape: windowOptions(tokenizer, model, settings) },
    alignment: {
      labelAllTokens: settings.labelAllTokens,
      ...(settings.continuation === "inside" && { continuationOf: insideLabels(labelNames(model)) }),
    },
    training: (purpose ?? (labels === "required" ? "train" : "predict")) === "train",
  };
  const examples: TaggedWindow[] = [];
  for (let first = 0; first < rows.length; first += ROWS_PER_CALL) {
    const part = rows.slice(first, first + ROWS_PER_CALL);
    const read = part.map((row, i) => readRow(row, first + i, tagsOf, settings));
    for (const [i, encodings] of (await encodedRows(read, preparation)).entries()) {
      for (const example of rowExamples(read[i], encodings, preparation)) examples.push(example);
      if (i % 32 === 31) await rest();
    }
    await rest();
  }
  return examples;
}

/** What a row says. */
interface ReadRow {
  index: number;
  /** Undefined where the row has a text alone. */
  given: WordText | undefined;
  text: string;
  labels: number[] | undefined;
}

function readRow(
  row: DataRow,
  index: number,
  tagsOf: TagReader | undefined,
  { columns, joiner }: Settings,
): ReadRow {
  const given = givenWords(row, index, columns, joiner);
  if (!tagsOf) {
    const text = given?.text ?? (row as Record<string, unknown>)[columns.text];
    if (typeof text === "string") return { index, given, text, labels: undefined };
    const needed = `a list of words (or column "${columns.text}" a text)`;
    throw rowFault(TASK, index, columns.tokens, needed, undefined);
  }
  if (!given?.words.length) {
    throw rowFault(TASK, index, columns.tokens, "a list of at least one word", given?.words);
  }
  return { index, given, text: given.text, labels: tagsOf(row, index, given.words.length) };
}

/** The windows of each row; texts, and texts given as words, take a call of the tokenizer each. */
async function encodedRows(
  rows: readonly ReadRow[],
  { tokenizer, shape }: Preparation,
): Promise<Encoding[][]> {
  const texts = rows.filter(({ given }) => !given).map(({ text }) => text);
  const words = rows.flatMap(({ given }) => (given ? [given.words as string[]] : []));
  const ofTexts = texts.length > 0 ? await encodedWindows(tokenizer, texts, false, shape) : [];
  const ofWords = words.length > 0 ? await encodedWindows(tokenizer, words, true, shape) : [];
  let [text, word] = [0, 0];
  return rows.map(({ given }) => (given ? ofWords[word++] : ofTexts[text++]));
}

function rowExamples(
  { index, given, text, labels }: ReadRow,
  encodings: readonly Encoding[],
  { tokenizer, shape, alignment, training, settings }: Preparation,
): TaggedWindow[] {
  const words = given ?? foundWords(text, encodings);
  return encodings.flatMap((encoding, number) => {
    // A tokenizer without special tokens may make nothing of a row.
    if (encoding.ids.length === 0) return [];
    const continues = continuesWord(encodings, number, shape.stride ?? 0);
    const wordStarts = firstTokensOf(wordsOfTokens(encoding), continues).filter((_, i) => i % 2 === 1);
    const example: TaggedWindow = { inputIds: encoding.ids, row: index, wordStarts };
    if (encoding.typeIds.some((type) => type !== 0)) example.tokenTypeIds = encoding.typeIds;
    if (labels) {
      const aligned = alignLabels(wordsOfTokens(encoding), labels, { ...alignment, continues });
      // Nothing can be learnt from words without tokens.
      if (training && aligned.every((label) => label === -100)) return [];
      example.labels = aligned;
    }
    if (!training)
      example.source = windowSource(encoding, words, given !== undefined, continues, tokenizer, settings);
    return [example];
  });
}
