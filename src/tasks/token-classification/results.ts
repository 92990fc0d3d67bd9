// From logits to results: the label of each word by its first token, entities, windows of a row put together.
import { AthanorError } from "../../errors.js";
import type { OutputValues, TrainableModel } from "../../training/task.js";
import { labelNames } from "../class-names.js";
import { bestOf, softmax } from "../class-scores.js";
import { type Entity, withoutOverlaps } from "./entities.js";
import type { TaggedWindow } from "./windows.js";
import { TASK, type WordText } from "./words.js";

/** A word and its label. */
export interface LabelledWord {
  word: string;
  label: string;
  /** The probability of the label; 0 for a word without tokens, whose label is "O", or the model's first. */
  score: number;
  /** The range in the result's text, in UTF-16 units. */
  start: number;
  end: number;
}

/** The result for one row. */
export interface TokenClassification {
  /** The row's text, or its words joined: what `start` and `end` count in. */
  text: string;
  /** One per word. */
  words: LabelledWord[];
  entities: Entity[];
  /** How many words have no token: cut off, or nothing that the tokenizer keeps. */
  missing: number;
}

interface WordScore {
  word: number;
  label: number;
  score: number;
  /** Tokens of the window on the side where there are fewer. */
  context: number;
}

/** The prediction for one window. */
export interface WindowPrediction {
  words: WordScore[];
  entities: Entity[];
}

/** @throws ERR_ARGUMENT when the model's output is not one row of labels per token */
export function windowPredictions(
  outputs: Record<string, OutputValues>,
  examples: readonly TaggedWindow[],
  model: TrainableModel,
): WindowPrediction[] {
  const names = labelNames(model);
  const tokens = examples.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const { logits } = outputs;
  if (logits?.data.length !== tokens * names.length) {
    const came = logits ? `logits of shape ${logits.shape.join(" x ")}` : "no logits";
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: model must be one of AutoModelForTokenClassification, with logits ${tokens} x ${names.length}, got ${came}`,
    );
  }
  let row = 0;
  return examples.map(({ inputIds, source }) => {
    const scores = Array.from(inputIds, () => {
      const begin = names.length * row++;
      return softmax(logits.data.slice(begin, begin + names.length));
    });
    return source
      ? { words: wordScores(source.firstTokens, scores), entities: source.entities(scores, names) }
      : { words: [], entities: [] };
  });
}

function wordScores(firstTokens: Int32Array, scores: readonly Float32Array[]): WordScore[] {
  return Array.from({ length: firstTokens.length / 2 }, (_, i) => {
    const [word, token] = [firstTokens[2 * i], firstTokens[2 * i + 1]];
    const label = bestOf(scores[token]);
    const context = Math.min(token, scores.length - 1 - token);
    return { word, label, score: scores[token][label], context };
  });
}

/** The result of a row: of each word the prediction of the window that shows most around it. */
export function joinedResult(
  { text, words, places }: WordText,
  windows: readonly WindowPrediction[],
  model: TrainableModel,
): TokenClassification {
  const names = labelNames(model);
  const best: (WordScore | undefined)[] = words.map(() => undefined);
  for (const prediction of windows.flatMap((window) => window.words)) {
    const known = best[prediction.word];
    if (!known || prediction.context > known.context) best[prediction.word] = prediction;
  }
  const entities = windows.flatMap((window) => window.entities);
  const nothing = { label: Math.max(0, names.indexOf("O")), score: 0 };
  return {
    text,
    words: words.map((word, i) => {
      const { label, score } = best[i] ?? nothing;
      return { word, label: names[label], score, start: places[2 * i], end: places[2 * i + 1] };
    }),
    entities: windows.length > 1 ? withoutOverlaps(entities) : entities,
    missing: best.filter((prediction) => prediction === undefined).length,
  };
}
