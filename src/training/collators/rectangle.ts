// Rectangles out of examples of different lengths, for those who want what Transformers' collators give.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import { idsOf } from "../task.js";

/** How to fill up: to the longest example, or to `maxLength`. */
export interface RectangleOptions {
  padding: "longest" | "max_length";
  /** Tokens of a row with "max_length". */
  maxLength?: number;
  /** Rounds the length of rows up. */
  padToMultipleOf?: number;
}

/** Rows of one length. */
export interface Rectangle {
  inputIds: Int32Array[];
  /** 1 for tokens, 0 for padding. */
  attentionMask: Int32Array[];
  tokenTypeIds: Int32Array[];
  /** One per token; -100 for padding. */
  labels?: Int32Array[];
}

/** What padding needs of a tokenizer. */
export interface PaddingTokens {
  readonly padTokenId: number | null;
  readonly paddingSide?: "left" | "right";
}

/** Fills examples up to one length. @throws ERR_ARGUMENT: no length, no padding token, an example that is longer */
export function rectangleOf(
  who: string,
  examples: readonly Example[],
  tokenizer: PaddingTokens,
  options: RectangleOptions,
): Rectangle {
  const { padTokenId, paddingSide = "right" } = tokenizer;
  if (padTokenId === null) {
    throw new AthanorError("ERR_ARGUMENT", `${who}: tokenizer must have a padding token, got one without`);
  }
  const width = widthOf(who, examples, options);
  const padded = (values: ArrayLike<number>, filler: number): Int32Array => {
    const row = new Int32Array(width).fill(filler);
    row.set(values, paddingSide === "left" ? width - values.length : 0);
    return row;
  };
  const zeros = (example: Example) => new Int32Array(idsOf(example).length);
  const rectangle: Rectangle = {
    inputIds: examples.map((example) => padded(idsOf(example), padTokenId)),
    attentionMask: examples.map((example) => padded(zeros(example).fill(1), 0)),
    tokenTypeIds: examples.map((example) =>
      padded(example.tokenTypeIds ?? example.typeIds ?? zeros(example), 0),
    ),
  };
  if (examples.every(({ labels }) => typeof labels === "object")) {
    rectangle.labels = examples.map(({ labels }) => padded(labels as ArrayLike<number>, -100));
  }
  return rectangle;
}

function widthOf(who: string, examples: readonly Example[], options: RectangleOptions): number {
  const { padding, maxLength, padToMultipleOf = 1 } = options;
  if (!Number.isSafeInteger(padToMultipleOf) || padToMultipleOf < 1) {
    const came = String(padToMultipleOf);
    throw new AthanorError("ERR_ARGUMENT", `${who}: padToMultipleOf must be an integer from 1, got ${came}`);
  }
  const longest = examples.reduce((most, example) => Math.max(most, idsOf(example).length), 0);
  if (padding === "longest") return Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
  if (padding !== "max_length") {
    const came = String(padding);
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: padding must be false, "longest" or "max_length", got ${came}`,
    );
  }
  if (maxLength === undefined || !Number.isSafeInteger(maxLength) || maxLength < longest) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: maxLength must be an integer from the ${longest} tokens of the longest example, got ${maxLength}`,
    );
  }
  return Math.ceil(maxLength / padToMultipleOf) * padToMultipleOf;
}
