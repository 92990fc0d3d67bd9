// Pipelines that give classes: of texts, and of their tokens.
import { AutoModelForSequenceClassification, AutoModelForTokenClassification } from "../models/index.js";
import { labelNames } from "../tasks/class-names.js";
import {
  type Aggregation,
  type TextClassification,
  type TokenClassification,
  textClassification,
  tokenClassification,
} from "../tasks/index.js";
import { type CallOptions, checkedTopK, inputFault, type PipelineKind, results, textInput } from "./kind.js";

const TEXT = "text-classification";
const TOKENS = "token-classification";

/** A text, or two. */
export type ClassifiedText = string | { text: string; text_pair?: string };

export interface TextClassificationCall extends CallOptions {
  /** How many classes, best first; null: all. Without it the best class alone, and no list. */
  topK?: number | null;
}

export interface LabelScore {
  label: string;
  /** Probability; the number itself for regression. */
  score: number;
}

export const textClassificationKind: PipelineKind<
  ClassifiedText,
  TextClassificationCall,
  LabelScore | LabelScore[]
> = {
  auto: AutoModelForSequenceClassification,
  async run(parts, inputs, { topK, ...options }) {
    const rows = inputs.map((input, i) => {
      if (typeof input === "string") return { text: textInput(TEXT, input, i) };
      if (typeof input !== "object" || input === null)
        throw inputFault(TEXT, i, "a text or { text, text_pair }", input);
      const text = textInput(TEXT, input.text, i);
      return input.text_pair === undefined ? { text } : { text, pair: textInput(TEXT, input.text_pair, i) };
    });
    const count = topK === undefined ? undefined : checkedTopK(TEXT, topK);
    const found = (await results(parts, textClassification(), rows, options)) as TextClassification[];
    const names = labelNames(parts.model);
    return found.map(({ label, score, scores }) => {
      if (count === undefined) return { label, score };
      const all = names.map((name, id) => ({ label: name, score: scores[id] }));
      return all.sort((a, b) => b.score - a.score).slice(0, count);
    });
  },
};

export interface TokenClassificationCall extends CallOptions {
  /** How tokens become entities; default "none": every token, as in Transformers. */
  aggregationStrategy?: Aggregation;
  /** Labels that are left out; default ["O"]. */
  ignoreLabels?: readonly string[];
  /** Tokens that windows of a long text share; default: a long text is cut. */
  stride?: number;
}

/** A token with `entity` and `index`, or several with `entity_group`. */
export interface TokenEntity {
  entity?: string;
  entity_group?: string;
  score: number;
  index?: number;
  word: string;
  /** Range in the text, in UTF-16 units. */
  start: number;
  end: number;
}

export const tokenClassificationKind: PipelineKind<string, TokenClassificationCall, TokenEntity[]> = {
  auto: AutoModelForTokenClassification,
  async run(parts, inputs, { aggregationStrategy: aggregation = "none", ignoreLabels, stride, ...options }) {
    const rows = inputs.map((input, i) => ({ text: textInput(TOKENS, input, i) }));
    const task = tokenClassification({ aggregation, ignoreLabels, stride });
    const found = (await results(parts, task, rows, options)) as TokenClassification[];
    return found.map(({ entities }) =>
      entities.map(({ label, score, index, word, start, end }) =>
        aggregation === "none"
          ? { entity: label, score, index, word, start, end }
          : { entity_group: label, score, word, start, end },
      ),
    );
  },
};
