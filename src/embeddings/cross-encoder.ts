// Cross-encoders: both texts go through the encoder together (Nogueira & Cho 2019, arXiv:1901.04085), which is slower than
// comparing embeddings, and better. Names and defaults are those of sentence_transformers.CrossEncoder.

import { takeHubOptions } from "../hub/index.js";
import { AutoModelForSequenceClassification, type FromPretrainedOptions } from "../models/auto.js";
import type { Batch } from "../models/batch.js";
import { labelCount } from "../models/config.js";
import type { Model } from "../models/model.js";
import { AutoTokenizer } from "../tokenizers/auto.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { sigmoid, softmax } from "./probabilities.js";
import { checkTexts, encodeTexts, fault, rowsOf, runExamples, type TextOptions } from "./text-batches.js";

const WHO = "CrossEncoder";

/** What becomes of logits. */
export type ScoreActivation = "sigmoid" | "identity" | "softmax";
const ACTIVATIONS: readonly ScoreActivation[] = ["sigmoid", "identity", "softmax"];

export interface CrossEncoderOptions {
  /** A sequence classification model. */
  model: Model;
  tokenizer: Tokenizer;
  /** Default: what the config names (`sentence_transformers.activation_fn`), else sigmoid for one output, else identity. */
  activation?: ScoreActivation;
}

export interface CrossEncoderCallOptions extends TextOptions {
  activation?: ScoreActivation;
}

/** A document, by its place among those given. */
export interface RankedDocument {
  corpusId: number;
  score: number;
  /** With `returnDocuments`. */
  text?: string;
}

export interface RankOptions extends CrossEncoderCallOptions {
  /** Only the best ones. */
  topK?: number;
  returnDocuments?: boolean;
}

/**
 * Scores pairs of texts, and ranks documents for a query.
 *
 * Train one as a text classifier of pairs: one label, `problem_type: "multi_label_classification"`, rows with `text`,
 * `pair` and `label` 1 or 0 (binary cross entropy).
 *
 * @example
 * const encoder = await CrossEncoder.fromPretrained("./ms-marco-MiniLM-L6-v2");
 * const [best] = await encoder.rank("lost card", documents, { topK: 1, returnDocuments: true });
 */
export class CrossEncoder {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly activation: ScoreActivation;

  /** @throws ERR_ARGUMENT */
  constructor({ model, tokenizer, activation }: CrossEncoderOptions) {
    if (!model || !tokenizer) throw fault(WHO, "model and tokenizer must be given", "none");
    if (!model.architecture.endsWith("ForSequenceClassification")) {
      throw fault(WHO, "model must be one for sequence classification", model.architecture);
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.activation = checkedActivation(activation ?? this.#standard());
  }

  /** Loads model and tokenizer of a folder or repository. Rejects as AutoModelForSequenceClassification does. */
  static async fromPretrained(
    name: string,
    { activation, ...options }: FromPretrainedOptions & Pick<CrossEncoderOptions, "activation"> = {},
  ): Promise<CrossEncoder> {
    const model = await AutoModelForSequenceClassification.fromPretrained(name, options);
    try {
      const tokenizer = await AutoTokenizer.fromPretrained(name, takeHubOptions(WHO, options).hub);
      return new CrossEncoder({ model, tokenizer, activation });
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** Numbers of one pair. */
  get numLabels(): number {
    return labelCount(this.model.config);
  }

  #standard(): ScoreActivation {
    const { sentence_transformers: own, sbert_ce_default_activation_function: old } = this.model.config;
    const stored =
      (own as { activation_fn?: string } | undefined)?.activation_fn ?? (old as string | undefined);
    const name =
      typeof stored === "string" && stored.startsWith("torch.") ? stored.split(".").at(-1) : undefined;
    const known = ACTIVATIONS.find((activation) => activation === name?.toLowerCase());
    return known ?? (this.numLabels === 1 ? "sigmoid" : "identity");
  }

  /**
   * Scores of pairs, `numLabels` numbers each.
   *
   * @throws ERR_ARGUMENT for texts that are empty or none; ERR_ABORTED
   */
  async predict(
    pairs: readonly (readonly [string, string])[],
    options: CrossEncoderCallOptions = {},
  ): Promise<Float32Array[]> {
    checkTexts(WHO, pairs, "pairs");
    const odd = pairs.findIndex((pair) => !Array.isArray(pair) || pair.length !== 2);
    if (odd >= 0) throw fault(WHO, `pairs[${odd}] must be two texts`, JSON.stringify(pairs[odd]));
    const activation = checkedActivation(options.activation ?? this.activation);
    const parts = { who: WHO, ...options, model: this.model, tokenizer: this.tokenizer };
    const examples = await encodeTexts(pairs as [string, string][], parts);
    const work = { apply: (batch: Batch) => this.model.forward(batch).logits, cut: rowsOf };
    const logits = await runExamples(examples, work, parts);
    return logits.map((row) => activated(row, activation));
  }

  /**
   * The documents from the best to the worst; equal scores in the order given.
   *
   * @throws ERR_ARGUMENT for a model with more than one output, an empty query, no documents
   */
  async rank(
    query: string,
    documents: readonly string[],
    { topK = Number.POSITIVE_INFINITY, returnDocuments = false, ...options }: RankOptions = {},
  ): Promise<RankedDocument[]> {
    if (this.numLabels !== 1) throw fault(WHO, "rank() needs a model with one output", this.numLabels);
    if (!(topK >= 1)) throw fault(WHO, "topK must be at least 1", topK);
    checkTexts(WHO, [query], "query");
    checkTexts(WHO, documents, "documents");
    const scores = await this.predict(
      documents.map((document) => [query, document] as const),
      options,
    );
    const ranked = scores.map(([score], corpusId): RankedDocument => {
      return { corpusId, score, ...(returnDocuments && { text: documents[corpusId] }) };
    });
    return ranked.sort((a, b) => b.score - a.score).slice(0, topK);
  }

  /** Frees the model. */
  dispose(): void {
    this.model.dispose();
  }
}

function checkedActivation(activation: ScoreActivation): ScoreActivation {
  if (ACTIVATIONS.includes(activation)) return activation;
  throw fault(WHO, `activation must be one of ${ACTIVATIONS.join(", ")}`, activation);
}

function activated(row: Float32Array, activation: ScoreActivation): Float32Array {
  if (activation === "softmax") return softmax(row);
  return activation === "sigmoid" ? row.map(sigmoid) : row;
}
