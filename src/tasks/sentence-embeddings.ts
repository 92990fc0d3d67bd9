// Sentence embeddings: pairs (or anchor, positive and negatives) to train a SentenceTransformer on, vectors out.
import {
  cosineSimilarityLoss,
  multipleNegativesRankingLoss,
  type RankingLossOptions,
} from "../embeddings/losses.js";
import { SentenceTransformer } from "../embeddings/sentence-transformer.js";
import { similarityOf } from "../embeddings/similarity.js";
import { encodeTexts } from "../embeddings/text-batches.js";
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "../training/task.js";
import { choiceOption, wholeOption } from "./rows.js";
import {
  groupOf,
  type NamedColumns,
  type SentenceColumns,
  scoreOf,
  sentencesOf,
  TASK,
} from "./sentence-embeddings/rows.js";
import { retrievalMetrics, type SentenceEmbedding, scoreMetrics } from "./sentence-embeddings/scores.js";

/** How embeddings are learnt. */
export const sentenceLosses = ["multipleNegativesRanking", "cosineSimilarity"] as const;

export interface SentenceEmbeddingsOptions extends SentenceColumns, RankingLossOptions {
  /** Default "multipleNegativesRanking". */
  loss?: (typeof sentenceLosses)[number];
  /** Cosine similarity: what scores are divided by; default 1 (5 for STS-B). */
  maxScore?: number;
  /** Most tokens of a sentence, at most what tokenizer and model take; longer ones are cut. */
  maxLength?: number;
}

// Rows per call of the tokenizer; see text classification.
const ROWS_PER_CALL = 256;

/**
 * The task of SentenceTransformer. With multipleNegativesRanking rows hold an anchor, a positive and maybe negatives; metrics
 * are those of retrieval among all positives and negatives of the data set (`accuracyAt1`, `recallAt1`, `recallAt5`,
 * `recallAt10`, `mrrAt10`; the search is done at the end of an evaluation, in one go). With cosineSimilarity they hold two
 * sentences and a score; metrics are `spearman` and `pearson` of the cosines.
 *
 * Preparing sets the model's loss; it rejects with ERR_DATA, naming the row from 0, and with ERR_ARGUMENT for a model that
 * is no SentenceTransformer.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const rows = [{ anchor: "Where is my card?", positive: "My card has not arrived." }];
 * const trainer = new Trainer({ model, tokenizer, task: sentenceEmbeddings(), train: rows });
 */
export function sentenceEmbeddings(options: SentenceEmbeddingsOptions = {}): Task<SentenceEmbedding> {
  const { loss = "multipleNegativesRanking", scale, maxScore = 1, maxLength } = options;
  choiceOption(TASK, "loss", loss, sentenceLosses);
  if (maxLength !== undefined) wholeOption(TASK, "maxLength", maxLength, 1);
  if (!(maxScore > 0 && Number.isFinite(maxScore))) {
    throw new AthanorError("ERR_ARGUMENT", `${TASK}: maxScore must be a number above 0, got ${maxScore}`);
  }
  const ranking = loss === "multipleNegativesRanking";
  const learnt = ranking ? multipleNegativesRankingLoss({ scale }) : cosineSimilarityLoss();
  const columns = columnsOf(options, ranking);
  const groups = new Map<unknown, number>();
  const labelOf = (row: DataRow, index: number): number | undefined => {
    if (!ranking) return scoreOf(row, index, columns.scoreColumn, maxScore);
    return columns.groupColumn === undefined ? undefined : groupOf(row, index, columns.groupColumn, groups);
  };
  return {
    name: "sentence-embeddings",
    outputs: ["sentenceEmbedding"],
    async prepare(rows, context) {
      const model = sentenceModel(context.model);
      const labelled = context.labels === "required";
      if (labelled) model.useLoss(learnt);
      const examples: Example[] = [];
      for (let first = 0; first < rows.length; first += ROWS_PER_CALL) {
        const part = rows.slice(first, first + ROWS_PER_CALL);
        const texts = part.map((row, i) => sentencesOf(row, first + i, columns, labelled));
        const labels = labelled ? part.map((row, i) => labelOf(row, first + i)) : [];
        const choices = await encoded(texts, maxLength, { ...context, model });
        examples.push(...choices.map((own, i) => exampleOf(own, labels[i])));
        await context.rest();
      }
      return examples;
    },
    predict: ({ sentenceEmbedding }, examples) => predictions(sentenceEmbedding, examples),
    metrics(predicted, examples, _, rows) {
      if (!ranking)
        return scoreMetrics(
          predicted,
          examples.map(({ labels }) => labels as number),
        );
      return retrievalMetrics(
        predicted.map(({ embedding, others = [] }, i) => ({
          texts: sentencesOf(rows[i], i, columns, true),
          embeddings: [embedding, ...others],
          group: examples[i].labels as number | undefined,
        })),
      );
    },
  };
}

function columnsOf(options: SentenceColumns, ranking: boolean): NamedColumns {
  const { firstColumn, secondColumn, negativeColumn, scoreColumn, groupColumn } = options;
  return {
    firstColumn: firstColumn ?? (ranking ? "anchor" : "sentence1"),
    secondColumn: secondColumn ?? (ranking ? "positive" : "sentence2"),
    // Only ranking knows negatives: the column of no row.
    negativeColumn: ranking ? (negativeColumn ?? "negative") : "",
    scoreColumn: scoreColumn ?? "score",
    groupColumn,
  };
}

function sentenceModel(model: TrainableModel): SentenceTransformer {
  if (model instanceof SentenceTransformer) return model;
  const [came] = (model.config.architectures as string[] | undefined) ?? ["another"];
  throw new AthanorError("ERR_ARGUMENT", `${TASK}: model must be a SentenceTransformer, got ${came}`);
}

/** The sentences of each row as examples. */
async function encoded(
  texts: readonly string[][],
  maxLength: number | undefined,
  { tokenizer, model }: PrepareContext & { model: SentenceTransformer },
): Promise<Example[][]> {
  const flat = texts.flat().map((text) => model.prepared(text));
  const examples = await encodeTexts(flat, {
    who: TASK,
    model,
    tokenizer: tokenizer ?? model.tokenizer,
    maxLength,
  });
  let next = 0;
  return texts.map(({ length }) => {
    next += length;
    return examples.slice(next - length, next);
  });
}

function exampleOf(choices: Example[], labels: number | undefined): Example {
  return labels === undefined ? { choices } : { choices, labels };
}

function predictions({ data, shape }: OutputValues, examples: readonly Example[]): SentenceEmbedding[] {
  const width = shape[1];
  let next = 0;
  return examples.map(({ choices = [] }) => {
    const [embedding, ...others] = choices.map(() => data.slice(next * width, ++next * width));
    if (others.length === 0) return { embedding };
    return { embedding, others, similarity: similarityOf(embedding, others[0]) };
  });
}
