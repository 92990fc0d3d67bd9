// Token classification: words in, a label for each and the entities that they form out. Named entities, parts of
// speech, chunks; rows as readConll and readConllu give them, or plain text to predict for.
import { AthanorError } from "../errors.js";
import type { Encoding } from "../tokenizers/encoding.js";
import type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "../training/task.js";
import { areEntityTags, modelLabels } from "./labels.js";
import { choiceOption, wholeOption } from "./rows.js";
import { softmax } from "./scores.js";
import { alignedLabels, furtherLabels, type TokenExample } from "./token-classification/alignment.js";
import {
  type Aggregation,
  type Entity,
  entitiesOf,
  withoutOverlaps,
} from "./token-classification/entities.js";
import { type TagMetric, tagScores } from "./token-classification/scores.js";
import { type Sentence, sentenceOf, TASK, tagReader } from "./token-classification/sentences.js";
import { type TaggedWord, taggedWords } from "./token-classification/words.js";

export interface TokenClassificationOptions {
  /** A list of words. Default "tokens", or "words" where a row has that instead. */
  wordsColumn?: string;
  /** One tag per word: names or ids of labels, -100 for a word that does not count. Default "tags", "labels" or "ner_tags". */
  labelColumn?: string;
  /** The sentence as it is written; default "text". Entities are placed in it where it is the words with blanks. */
  textColumn?: string;
  /** What joins words where a row has no text: default a blank, "" for Chinese. */
  wordSeparator?: string;
  /** Words end with a digit that is no part of them, as in Weibo NER's second edition. Default false. */
  positionDigits?: boolean;
  /** Most tokens of a sequence, at most what tokenizer and model take. */
  maxLength?: number;
  /** Tokens that the windows of a long sentence share; default: long sentences are cut. */
  stride?: number;
  /** Which tokens of a word learn its label: the first (false, default), all (true), all with "I-" after "B-" ("inside"). */
  labelAllTokens?: boolean | "inside";
  /** How tokens become entities; default "first", which fits words whose first token has the label. */
  aggregation?: Aggregation;
  /** Labels and kinds that are no entities; default ["O"]. */
  ignoreLabels?: readonly string[];
  /** "auto" (default): "seqeval" where the model's labels are tags such as "B-PER", else "accuracy". */
  metric?: "auto" | TagMetric;
  /** Words that were cut off or have no tokens count as "O" ("count", default), or not at all as in Transformers ("skip"). */
  missingWords?: "count" | "skip";
}

/** The result for one row. */
export interface TokenClassification {
  /** What offsets count in: the row's text, or its words joined. */
  text: string;
  /** In order. A word that was cut off or has no tokens has the label null. */
  words: TaggedWord[];
  entities: Entity[];
}

/** Of one window: the probabilities of each token. */
export type TokenScores = readonly Float32Array[];

const SENTENCES_PER_CALL = 512;

type Settings = ReturnType<typeof checked>;

/**
 * The task of AutoModelForTokenClassification. A word has the label of its first token; metrics are those of words:
 * seqeval's precision, recall and F1, together and by kind (`PER_f1`), or accuracy.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no words, not as many tags as words, a tag that is none of
 * the model's labels.
 *
 * @example
 * const task = tokenClassification();
 * const trainer = new Trainer({ model, tokenizer, task, train: await readConll("train.conll") });
 * const [{ entities }] = await trainer.predict([{ text: "Ada lived in London." }]);
 */
export function tokenClassification(
  options: TokenClassificationOptions = {},
): Task<TokenScores, TokenClassification> {
  const settings = checked(options);
  return {
    name: "token-classification",
    prepare: (rows, context) => prepared(rows, context, settings),
    predict: ({ logits }, examples, model) => scoresOf(logits, examples as TokenExample[], model),
    join: (predictions, examples, rows, model) =>
      joined(predictions, examples as TokenExample[], rows, model, settings),
    metrics(results, _examples, model, rows) {
      const names = modelLabels(model);
      const tagsOf = tagReader(names, settings.labelColumn);
      const sentences = results.map(({ words }, row) => ({
        predicted: words.map(({ label }) => label),
        actual: tagsOf(rows[row], row, words.length),
      }));
      const auto = areEntityTags(names) ? "seqeval" : "accuracy";
      const metric = settings.metric === "auto" ? auto : settings.metric;
      return tagScores(sentences, names, metric, settings.missingWords);
    },
  };
}

function checked(options: TokenClassificationOptions) {
  const { maxLength, stride, labelAllTokens = false, ignoreLabels = ["O"] } = options;
  const how = choiceOption(TASK, "labelAllTokens", labelAllTokens, [false, true, "inside"] as never[]);
  return {
    columns: {
      words: options.wordsColumn,
      labels: options.labelColumn,
      text: options.textColumn ?? "text",
      separator: options.wordSeparator ?? " ",
      positionDigits: options.positionDigits ?? false,
    },
    labelColumn: options.labelColumn,
    labelTokens: how === false ? "first" : how === true ? "same" : "inside",
    ignoreLabels,
    maxLength: maxLength === undefined ? undefined : wholeOption(TASK, "maxLength", maxLength, 1),
    stride: stride === undefined ? undefined : wholeOption(TASK, "stride", stride, 0),
    aggregation: choiceOption(TASK, "aggregation", options.aggregation ?? "first", [
      "none",
      "simple",
      "first",
      "average",
      "max",
    ]),
    metric: choiceOption(TASK, "metric", options.metric ?? "auto", ["auto", "seqeval", "accuracy"]),
    missingWords: choiceOption(TASK, "missingWords", options.missingWords ?? "count", ["count", "skip"]),
  } as const;
}

async function prepared(
  rows: readonly DataRow[],
  context: PrepareContext,
  settings: Settings,
): Promise<TokenExample[]> {
  const { tokenizer, model, labels, purpose, rest } = context;
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const names = modelLabels(model);
  const tagsOf = labels === "required" ? tagReader(names, settings.labelColumn) : undefined;
  const inside = furtherLabels(names, settings.labelTokens);
  const examples: TokenExample[] = [];
  for (let begin = 0; begin < rows.length; begin += SENTENCES_PER_CALL) {
    const sentences = rows
      .slice(begin, begin + SENTENCES_PER_CALL)
      .map((row, i) => sentenceOf(row, begin + i, settings.columns, labels));
    const encodings = await encoded(sentences, context, settings);
    for (const [i, first] of encodings.entries()) {
      const row = begin + i;
      const sentence = sentences[i];
      const tags = tagsOf?.(rows[row], row, sentence.words?.length ?? 0);
      for (const encoding of [first, ...first.overflowing]) {
        const example: TokenExample = { row, inputIds: encoding.ids };
        if (tags) example.labels = alignedLabels(encoding.wordIds, tags, inside);
        // A window that teaches nothing would make the mean over its labels one over none.
        if (purpose === "train" && tags && !(example.labels as Int32Array).some((label) => label >= 0))
          continue;
        if (purpose !== "train") example.source = { sentence, encoding, tokenizer };
        examples.push(example);
      }
      if (i % 64 === 63) await rest();
    }
  }
  return examples;
}

/** Sentences of words and plain texts are two kinds of batches. */
async function encoded(
  sentences: readonly Sentence[],
  { tokenizer, model }: PrepareContext,
  settings: Settings,
): Promise<Encoding[]> {
  const infinite = Number.POSITIVE_INFINITY;
  const { modelMaxLength } = tokenizer!;
  const maxLength = Math.min(settings.maxLength ?? infinite, modelMaxLength, model.maxLength ?? infinite);
  const { stride } = settings;
  const cut = Number.isFinite(maxLength) && {
    ...{ truncation: "only_first" as const, maxLength },
    ...(stride !== undefined && { stride, returnOverflow: true }),
  };
  const encodings = new Array<Encoding>(sentences.length);
  for (const isSplitIntoWords of [true, false]) {
    const places = sentences.flatMap(({ words }, i) =>
      (words !== undefined) === isSplitIntoWords ? [i] : [],
    );
    const texts = places.map((i) => sentences[i].words ?? sentences[i].text);
    const found = await tokenizer!.encodeBatchAsync(texts, { ...cut, isSplitIntoWords });
    places.forEach((place, i) => {
      encodings[place] = found[i];
    });
  }
  return encodings;
}

function scoresOf(
  logits: OutputValues,
  examples: readonly TokenExample[],
  model: TrainableModel,
): TokenScores[] {
  const width = modelLabels(model).length;
  let token = 0;
  return examples.map(({ inputIds }) =>
    Array.from(inputIds, () => softmax(logits.data.subarray(token++ * width, token * width))),
  );
}

function joined(
  predictions: readonly TokenScores[],
  examples: readonly TokenExample[],
  rows: readonly DataRow[],
  model: TrainableModel,
  { aggregation, ignoreLabels }: Settings,
): TokenClassification[] {
  const names = modelLabels(model);
  const windows = rows.map((): { example: TokenExample; scores: TokenScores }[] => []);
  examples.forEach((example, i) => {
    windows[example.row].push({ example, scores: predictions[i] });
  });
  return windows.map((parts) => {
    const entities = parts.flatMap(({ example, scores }) =>
      entitiesOf(example, scores, names, aggregation, ignoreLabels),
    );
    return {
      text: parts[0].example.source!.sentence.text,
      words: taggedWords(parts, names),
      entities: parts.length > 1 ? withoutOverlaps(entities) : entities,
    };
  });
}
