// Zero-shot classification by entailment (Yin, Hay & Roth 2019, arXiv:1909.00161): a model of natural language inference
// says how far a text entails "This example is LABEL." Equal to Transformers' zero-shot-classification pipeline.

import { takeHubOptions } from "../hub/index.js";
import { AutoModelForSequenceClassification, type FromPretrainedOptions } from "../models/auto.js";
import type { Batch } from "../models/batch.js";
import type { Model } from "../models/model.js";
import { AutoTokenizer } from "../tokenizers/auto.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { sigmoid, softmax } from "./probabilities.js";
import { checkTexts, encodeTexts, fault, rowsOf, runExamples, type TextOptions } from "./text-batches.js";

const WHO = "ZeroShotClassifier";

export interface ZeroShotOptions {
  /** A sequence classification model with a label that begins with "entail". */
  model: Model;
  tokenizer: Tokenizer;
}

export interface ZeroShotCallOptions extends TextOptions {
  /** `{}` (or `{0}`) stands for the label; default "This example is {}." */
  hypothesisTemplate?: string;
  /** Whether several labels may be true: each is then judged alone, entailment against contradiction. Default false. */
  multiLabel?: boolean;
}

/** The labels from the most to the least likely. */
export interface ZeroShotResult {
  sequence: string;
  labels: string[];
  /** Probabilities: over all labels, or with multiLabel of each. */
  scores: number[];
}

/**
 * Gives texts one of any labels, without training for them.
 *
 * @example
 * const classifier = await ZeroShotClassifier.fromPretrained("./nli-model");
 * const { labels, scores } = await classifier.classify("My card is gone.", ["lost card", "transfer"]);
 */
export class ZeroShotClassifier {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly #entailment: number;
  readonly #contradiction: number;

  /** @throws ERR_ARGUMENT for a model whose labels name no entailment */
  constructor({ model, tokenizer }: ZeroShotOptions) {
    if (!model || !tokenizer) throw fault(WHO, "model and tokenizer must be given", "none");
    this.model = model;
    this.tokenizer = tokenizer;
    const { label2id, id2label } = model.config;
    const ids: [string, number][] = label2id
      ? Object.entries(label2id)
      : Object.entries(id2label ?? {}).map(([id, label]) => [label, Number(id)]);
    const found = ids.find(([label]) => label.toLowerCase().startsWith("entail"));
    if (!found || ids.length < 2) {
      const came = ids.map(([label]) => label).join(", ") || "none";
      throw fault(WHO, "model must have two labels or more, one of which begins with entail", came);
    }
    this.#entailment = found[1];
    // As the reference: the first class, or the last where entailment is the first.
    this.#contradiction = this.#entailment === 0 ? ids.length - 1 : 0;
  }

  /** Loads model and tokenizer of a folder or repository. Rejects as AutoModelForSequenceClassification does. */
  static async fromPretrained(
    name: string,
    options: FromPretrainedOptions = {},
  ): Promise<ZeroShotClassifier> {
    const model = await AutoModelForSequenceClassification.fromPretrained(name, options);
    try {
      const tokenizer = await AutoTokenizer.fromPretrained(name, takeHubOptions(WHO, options).hub);
      return new ZeroShotClassifier({ model, tokenizer });
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /**
   * @param candidateLabels a list, or one text with commas between them
   * @throws ERR_ARGUMENT for texts or labels that are empty or none, or a template without `{}`; ERR_ABORTED
   */
  async classify(
    sequences: string,
    candidateLabels: string | readonly string[],
    options?: ZeroShotCallOptions,
  ): Promise<ZeroShotResult>;
  async classify(
    sequences: readonly string[],
    candidateLabels: string | readonly string[],
    options?: ZeroShotCallOptions,
  ): Promise<ZeroShotResult[]>;
  async classify(
    sequences: string | readonly string[],
    candidateLabels: string | readonly string[],
    { hypothesisTemplate = "This example is {}.", multiLabel = false, ...options }: ZeroShotCallOptions = {},
  ): Promise<ZeroShotResult | ZeroShotResult[]> {
    const texts = typeof sequences === "string" ? [sequences] : sequences;
    const labels = labelsOf(candidateLabels);
    checkTexts(WHO, texts, "sequences");
    checkTexts(WHO, labels, "candidateLabels");
    if (typeof hypothesisTemplate !== "string" || !/\{0?\}/.test(hypothesisTemplate)) {
      throw fault(WHO, "hypothesisTemplate must hold {} for the label", JSON.stringify(hypothesisTemplate));
    }
    const hypotheses = labels.map((label) => hypothesisTemplate.split(/\{0?\}/).join(label));
    const pairs = texts.flatMap((text) =>
      hypotheses.map((hypothesis): [string, string] => [text, hypothesis]),
    );
    const parts = { who: WHO, ...options, model: this.model, tokenizer: this.tokenizer };
    // The hypothesis must stay whole.
    const examples = await encodeTexts(pairs, { ...parts, truncation: "only_first" });
    const work = { apply: (batch: Batch) => this.model.forward(batch).logits, cut: rowsOf };
    const logits = await runExamples(examples, work, parts);
    const results = texts.map((sequence, i) => {
      const rows = logits.slice(i * labels.length, (i + 1) * labels.length);
      const scores = multiLabel || labels.length === 1 ? this.#alone(rows) : this.#among(rows);
      const order = scores.map((_, place) => place).sort((a, b) => scores[b] - scores[a]);
      return {
        sequence,
        labels: order.map((place) => labels[place]),
        scores: order.map((place) => scores[place]),
      };
    });
    return typeof sequences === "string" ? results[0] : results;
  }

  /** Each label against its own contradiction. */
  #alone(rows: readonly Float32Array[]): number[] {
    return rows.map((row) => sigmoid(row[this.#entailment] - row[this.#contradiction]));
  }

  /** A softmax of the entailment logits over the labels. */
  #among(rows: readonly Float32Array[]): number[] {
    return Array.from(softmax(Float32Array.from(rows, (row) => row[this.#entailment])));
  }

  /** Frees the model. */
  dispose(): void {
    this.model.dispose();
  }
}

function labelsOf(labels: string | readonly string[]): readonly string[] {
  if (typeof labels !== "string") return labels;
  return labels
    .split(",")
    .map((label) => label.trim())
    .filter((label) => label !== "");
}
