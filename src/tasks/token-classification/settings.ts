// The options of token classification and their checks.
import { AthanorError } from "../../errors.js";
import { checkOptions, choiceOption, shownValue, wholeOption } from "../rows.js";
import { AGGREGATIONS, type Aggregation } from "./entities.js";
import { TASK } from "./words.js";

export interface TokenClassificationOptions {
  /** Column of the words, a list of texts; default "tokens". */
  tokensColumn?: string;
  /** Column of the labels, names or ids, one per word; default "tags". */
  tagsColumn?: string;
  /**
   * Column of the text; default "text". A row with words may have it besides, for the places of entities; a row to
   * predict may have it alone.
   */
  textColumn?: string;
  /** What joins the words of a row without a text; default " ". "" for Chinese. */
  joiner?: string;
  /** Most tokens of an example, at most what tokenizer and model take. */
  maxLength?: number;
  /**
   * A row with more tokens becomes several examples, neighbours of which share so many tokens. Default: it is cut at
   * its end; words without tokens count as missing.
   */
  stride?: number;
  /** Every token of a word learns its label, not the first one alone; default false. */
  labelAllTokens?: boolean;
  /** With labelAllTokens: further tokens of a B-X word have the same label (default), or I-X ("inside"). */
  continuation?: "same" | "inside";
  /** How tokens become entities, as in Transformers' TokenClassificationPipeline; default "first". */
  aggregation?: Aggregation;
  /** Labels that are no entities; default ["O"]. */
  ignoreLabels?: readonly string[];
  /**
   * "seqeval": precision, recall and F1 of whole entities; "accuracy": of words. Default "auto": seqeval where all
   * labels are "O" or like "B-PER".
   */
  metric?: "auto" | "seqeval" | "accuracy";
}

export type Settings = ReturnType<typeof checkedOptions>;

const OPTIONS = [
  ...["tokensColumn", "tagsColumn", "textColumn", "joiner", "maxLength", "stride", "labelAllTokens"],
  ...["continuation", "aggregation", "ignoreLabels", "metric"],
] as (keyof TokenClassificationOptions)[];

/** Options without gaps. @throws ERR_ARGUMENT naming the option */
export function checkedOptions(options: TokenClassificationOptions) {
  checkOptions(TASK, options, OPTIONS);
  const { maxLength, stride, labelAllTokens = false, joiner = " ", ignoreLabels = ["O"] } = options;
  if (typeof labelAllTokens !== "boolean") throw fault("labelAllTokens", "true or false", labelAllTokens);
  if (typeof joiner !== "string") throw fault("joiner", "a text", joiner);
  if (!Array.isArray(ignoreLabels)) throw fault("ignoreLabels", "a list of labels", ignoreLabels);
  return {
    columns: {
      tokens: options.tokensColumn ?? "tokens",
      tags: options.tagsColumn ?? "tags",
      text: options.textColumn ?? "text",
    },
    joiner,
    maxLength: maxLength === undefined ? undefined : wholeOption(TASK, "maxLength", maxLength, 1),
    stride: stride === undefined ? undefined : wholeOption(TASK, "stride", stride, 0),
    labelAllTokens,
    continuation: choiceOption(TASK, "continuation", options.continuation ?? "same", ["same", "inside"]),
    aggregation: choiceOption(TASK, "aggregation", options.aggregation ?? "first", AGGREGATIONS),
    ignoreLabels: new Set<string>(ignoreLabels),
    metric: choiceOption(TASK, "metric", options.metric ?? "auto", ["auto", "seqeval", "accuracy"]),
  };
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${TASK}: ${name} must be ${needed}, got ${shownValue(came)}`);
}
