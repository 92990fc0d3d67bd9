// Pre-training from plain text: masked language modelling and a question about two segments, whether the second
// follows the first (BERT) or which comes first (ALBERT).
import { AthanorError } from "../errors.js";
import { perplexity } from "../metrics/perplexity.js";
import type { Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import { Random } from "../tensor/random-stream.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { MaskableExample } from "../training/collators/language-modeling.js";
import type { DataRow, OutputValues, PrepareContext, Task } from "../training/task.js";
import { type FilledMask, labelledRows, rightLabels } from "./masked-language-modeling/predictions.js";
import { PreparedMasks } from "./masked-language-modeling/prepared-masks.js";
import type { WordsOf } from "./masked-language-modeling/words.js";
import { requirePairs, TASK, tokenizedDocuments, unicodeSentences } from "./pre-training/documents.js";
import { type SentencePair, segmentTokens, sentencePairs } from "./pre-training/pairs.js";
import {
  checkOptions,
  choiceOption,
  columnOf,
  probabilityOption,
  shareOption,
  textOf,
  wholeOption,
} from "./rows.js";

export interface PreTrainingOptions {
  /** Default "text". */
  textColumn?: string;
  /** When predicting: the second text, where a row has one; default "pair". */
  pairColumn?: string;
  /**
   * "blank-lines" (default): a row is a sentence (or a paragraph), a blank row ends a document. "rows": a row is a
   * document, cut by `sentences`.
   */
  documents?: "blank-lines" | "rows";
  /** Cuts a document into sentences; default by the rules of Unicode. */
  sentences?: (text: string) => readonly string[];
  /** "nsp" (default): does the second segment follow the first? "sop": are the two in their order? */
  objective?: "nsp" | "sop";
  /** Tokens of an example, at most what tokenizer and model take; default 128. */
  maxLength?: number;
  /** Share of documents of which shorter pairs are made; default 0.1. */
  shortProbability?: number;
  /** Share of the tokens, or words, to predict; default 0.15. */
  probability?: number;
  /** Hides whole words. Default false. */
  wholeWord?: boolean;
  /** Cuts a sentence into words for `wholeWord`, as in maskedLanguageModeling. */
  words?: WordsOf;
  /** Of the pairs; masks follow from the Trainer's seed. Default 42. */
  seed?: number;
  /** Candidates for every mask when predicting; default 5. */
  topK?: number;
}

/** The result for a row when predicting, for an example when evaluating. */
export interface PreTrainingPrediction {
  /** Probability that the second segment follows the first. */
  follows: number;
  /** The mask tokens of the texts; empty when evaluating. */
  masks: FilledMask[];
  /** When evaluating: labelled tokens, those rightly predicted, and whether the pair was. */
  counted: number;
  right: number;
  rightPair: boolean;
  /** When evaluating: the mean loss of the pairs of its batch. */
  pairLoss: number;
}

type Settings = ReturnType<typeof checked>;

/**
 * The task of AutoModelForPreTraining. Evaluating gives `mlmLoss`, `mlmAccuracy`, `perplexity` (exp of mlmLoss) and
 * `nspAccuracy` or `sopAccuracy`. Predicting takes rows with a text, a pair where there is one, and mask tokens.
 *
 * Preparing rejects with ERR_DATA: a row without text, too few documents or sentences for the objective.
 *
 * @example
 * const task = preTraining({ objective: "nsp", maxLength: 128 });
 * const trainer = new Trainer({ model, tokenizer, task, train: await readPlainText("books.txt") });
 */
export function preTraining(options: PreTrainingOptions = {}): Task<PreTrainingPrediction> {
  const settings = checked(options);
  const masks = new PreparedMasks(TASK, settings);
  return {
    name: "pre-training",
    outputs: [
      ["labelLogits", "logits"],
      ["seqRelationshipLogits", "sopLogits"],
    ],
    async prepare(rows, context) {
      const tokenizer = requireTokenizer(context);
      if (context.labels === "none") return questionExamples(rows, tokenizer, context, settings, masks);
      return masks.toHide(await pairExamples(rows, tokenizer, context, settings), tokenizer);
    },
    vary: (examples, random) => masks.hidden(examples, random),
    predict: (outputs, examples) => predicted(outputs, examples, masks),
    metricNames: () => ["mlmLoss", "perplexity", "mlmAccuracy", `${settings.objective}Accuracy`],
    metrics: (predictions, _examples, _model, _rows, loss) => scores(predictions, settings.objective, loss),
  };
}

const OPTIONS = [
  ...["textColumn", "pairColumn", "documents", "sentences", "objective", "maxLength", "shortProbability"],
  ...["probability", "wholeWord", "words", "seed", "topK"],
] as (keyof PreTrainingOptions)[];

function checked(options: PreTrainingOptions) {
  checkOptions(TASK, options, OPTIONS);
  const { textColumn = "text", pairColumn = "pair", sentences = unicodeSentences, words } = options;
  const { wholeWord = false } = options;
  if (words !== undefined && !wholeWord)
    throw new AthanorError("ERR_ARGUMENT", `${TASK}: wholeWord must be true beside words, got ${wholeWord}`);
  return {
    ...{ textColumn, pairColumn, sentences, words, wholeWord },
    documents: choiceOption(TASK, "documents", options.documents ?? "blank-lines", ["blank-lines", "rows"]),
    objective: choiceOption(TASK, "objective", options.objective ?? "nsp", ["nsp", "sop"]),
    maxLength: wholeOption(TASK, "maxLength", options.maxLength ?? 128, 5),
    shortProbability: probabilityOption(TASK, "shortProbability", options.shortProbability ?? 0.1),
    probability: shareOption(TASK, "probability", options.probability ?? 0.15),
    seed: wholeOption(TASK, "seed", options.seed ?? 42, 0),
    topK: wholeOption(TASK, "topK", options.topK ?? 5, 1),
  } as const;
}

function requireTokenizer({ tokenizer }: PrepareContext): Tokenizer {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const { maskTokenId, clsTokenId, sepTokenId } = tokenizer;
  for (const [name, id] of Object.entries({ mask: maskTokenId, cls: clsTokenId, sep: sepTokenId })) {
    if (id !== null) continue;
    throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must have a ${name} token, got one without`);
  }
  return tokenizer;
}

async function pairExamples(
  rows: readonly DataRow[],
  tokenizer: Tokenizer,
  { model, rest }: PrepareContext,
  settings: Settings,
): Promise<MaskableExample[]> {
  const { objective, shortProbability, seed, wholeWord } = settings;
  const most = lengthLimit(tokenizer, model);
  const room = Math.min(settings.maxLength, most) - 3;
  const documents = await tokenizedDocuments(rows, tokenizer, settings, rest);
  requirePairs(documents, objective, rows.length);
  const random = new Random(seed);
  const examples: MaskableExample[] = [];
  for (const number of documents.keys()) {
    const pairs = sentencePairs(documents, number, { objective, room, shortProbability }, random);
    for (const pair of pairs) examples.push(pairExample(pair, tokenizer, wholeWord));
    await rest();
  }
  return examples;
}

/** [CLS] first [SEP] second [SEP] */
function pairExample(
  { first, second, label }: SentencePair,
  tokenizer: Tokenizer,
  wholeWord: boolean,
): MaskableExample {
  const a = segmentTokens(first, 0);
  const b = segmentTokens(second, a.wordsAfter);
  const [cls, sep] = [tokenizer.clsTokenId as number, tokenizer.sepTokenId as number];
  const inputIds = Int32Array.of(cls, ...a.ids, sep, ...b.ids, sep);
  const special = new Uint8Array(inputIds.length);
  const boundary = a.ids.length + 2;
  for (const at of [0, boundary - 1, inputIds.length - 1]) special[at] = 1;
  return {
    inputIds,
    tokenTypeIds: new Int32Array(inputIds.length).fill(1, boundary),
    specialTokensMask: special,
    ...(wholeWord && { wordIds: Int32Array.of(-1, ...a.words, -1, ...b.words, -1) }),
    ...{ nextSentenceLabel: label, sentenceOrderLabel: label, row: first.sentences[0].row },
  };
}

/** Texts and pairs to ask about. */
async function questionExamples(
  rows: readonly DataRow[],
  tokenizer: Tokenizer,
  { model, rest }: PrepareContext,
  { textColumn, pairColumn, maxLength: wanted }: Settings,
  masks: PreparedMasks,
): Promise<MaskableExample[]> {
  const most = lengthLimit(tokenizer, model);
  const texts = rows.map((row, i): TextOrPair => {
    const text = textOf(TASK, row, i, textColumn);
    const pair = columnOf(row, pairColumn);
    return pair === undefined || pair === null ? text : [text, textOf(TASK, row, i, pairColumn)];
  });
  const how = { truncation: "longest_first", maxLength: Math.min(wanted, most) } as const;
  const examples: MaskableExample[] = [];
  for (const { ids, typeIds, specialTokensMask } of await tokenizer.encodeBatchAsync(texts, how)) {
    const labels = { labels: masks.toFill(ids, tokenizer), nextSentenceLabel: 0, sentenceOrderLabel: 0 };
    const example: MaskableExample = { inputIds: ids, tokenTypeIds: typeIds, ...labels };
    examples.push(masks.remember(example, tokenizer, specialTokensMask));
    await rest();
  }
  return examples;
}

function predicted(
  outputs: Record<string, OutputValues>,
  examples: readonly Example[],
  masks: PreparedMasks,
): PreTrainingPrediction[] {
  const pairs = outputs.seqRelationshipLogits ?? outputs.sopLogits;
  if (!pairs) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: model must be one of AutoModelForPreTraining that is asked about pairs, got another`,
    );
  }
  const differences = examples.map((_, i) => pairs.data[2 * i + 1] - pairs.data[2 * i]);
  // log(1 + exp(x)) of what speaks against the label: the cross entropy of two classes.
  const losses = examples.map(({ nextSentenceLabel }, i) =>
    softplus(nextSentenceLabel === 0 ? differences[i] : -differences[i]),
  );
  const pairLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return labelledRows(outputs, examples).map((rows, i) => {
    const example = examples[i];
    const follows = 1 / (1 + Math.exp(differences[i]));
    const filled = masks.filled(example, rows);
    if (filled) return { follows, masks: filled, counted: 0, right: 0, rightPair: false, pairLoss: 0 };
    const rightPair = differences[i] > 0 === (example.nextSentenceLabel === 1);
    return { follows, masks: [], ...rightLabels(rows, example), rightPair, pairLoss };
  });
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scores(
  predictions: readonly PreTrainingPrediction[],
  objective: "nsp" | "sop",
  loss: number | undefined,
): Record<string, number> {
  const sum = (of: (prediction: PreTrainingPrediction) => number) =>
    predictions.reduce((total, prediction) => total + of(prediction), 0);
  const counted = sum((prediction) => prediction.counted);
  const pairs = sum(({ rightPair }) => (rightPair ? 1 : 0)) / predictions.length;
  if (counted === 0 || loss === undefined) return { [`${objective}Accuracy`]: pairs };
  // A batch's loss is that of its tokens plus that of its pairs, and the mean weighs batches by their tokens.
  const mlmLoss = loss - sum((prediction) => prediction.pairLoss * prediction.counted) / counted;
  return {
    mlmLoss,
    perplexity: perplexity(mlmLoss),
    mlmAccuracy: sum((prediction) => prediction.right) / counted,
    [`${objective}Accuracy`]: pairs,
  };
}
