// Entities out of the scores of tokens, by the rules of Transformers' TokenClassificationPipeline, its oddities
// included: what is a part of a word is decided by the length of the token's text, in code points.
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import { bestOf } from "../class-scores.js";

/** "none": every token; "simple": neighbours of one type; the others decide for whole words first. */
export type Aggregation = "none" | "simple" | "first" | "average" | "max";

export const AGGREGATIONS: readonly Aggregation[] = ["none", "simple", "first", "average", "max"];

/** A piece of the text with a label. */
export interface Entity {
  /** The type, as PER; with aggregation "none" the label of the token, as B-PER. */
  label: string;
  /** Probability: of the token, or the mean over the tokens or words. */
  score: number;
  /** What the tokens stand for, as the tokenizer writes it; see `text.slice(start, end)` for the exact piece. */
  word: string;
  /** The range in the result's text, in UTF-16 units. */
  start: number;
  end: number;
  /** With aggregation "none": the number of the token, special tokens counted. */
  index?: number;
}

/** The tokens of a window. */
export interface ScoredWindow {
  text: string;
  /** What the tokens are in the vocabulary. */
  tokens: readonly string[];
  ids: ArrayLike<number>;
  /** Start and end of each token in the text, two numbers per token. */
  offsets: ArrayLike<number>;
  specialTokensMask: ArrayLike<number>;
  /** The probabilities of each token's labels. */
  scores: readonly Float32Array[];
}

type Vocabulary = Pick<Tokenizer, "continuingSubwordPrefix" | "unkTokenId" | "tokensToText">;

interface ScoredToken {
  word: string;
  scores: Float32Array;
  start: number;
  end: number;
  index: number;
  continuesWord: boolean;
}

interface Labelled extends Omit<Entity, "index"> {
  index?: number;
}

/** The entities of a window, without those of the labels to ignore. */
export function entitiesOf(
  window: ScoredWindow,
  tokenizer: Vocabulary,
  labels: readonly string[],
  aggregation: Aggregation,
  ignored: ReadonlySet<string>,
): Entity[] {
  const tokens = scoredTokens(window, tokenizer);
  const pieces =
    aggregation === "none" || aggregation === "simple"
      ? tokens.map(({ word, scores, start, end, index }): Labelled => {
          const best = bestOf(scores);
          return { label: labels[best], score: scores[best], word, start, end, index };
        })
      : wordsOf(tokens).map((word) => labelledWord(word, tokenizer, labels, aggregation));
  const entities = aggregation === "none" ? pieces : groups(pieces, tokenizer);
  return entities.filter(({ label }) => !ignored.has(label));
}

function scoredTokens(window: ScoredWindow, tokenizer: Vocabulary): ScoredToken[] {
  const { text, ids, offsets, specialTokensMask } = window;
  const found: ScoredToken[] = [];
  window.scores.forEach((scores, index) => {
    if (specialTokensMask[index] !== 0) return;
    const [start, end] = [offsets[2 * index], offsets[2 * index + 1]];
    const token = window.tokens[index];
    const piece = text.slice(start, end);
    const unknown = ids[index] === tokenizer.unkTokenId;
    // Without a mark for parts of words they are known by the blank that is missing before them.
    const inside =
      tokenizer.continuingSubwordPrefix === null
        ? start > 0 && !text.slice(start - 1, start + 1).includes(" ")
        : codePoints(token) !== codePoints(piece);
    const continuesWord = inside && !unknown;
    found.push({ word: unknown ? piece : token, scores, start, end, index, continuesWord });
  });
  return found;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function wordsOf(tokens: readonly ScoredToken[]): ScoredToken[][] {
  const words: ScoredToken[][] = [];
  for (const token of tokens) {
    if (token.continuesWord && words.length > 0) words[words.length - 1].push(token);
    else words.push([token]);
  }
  return words;
}

function labelledWord(
  tokens: readonly ScoredToken[],
  tokenizer: Vocabulary,
  labels: readonly string[],
  aggregation: Aggregation,
): Labelled {
  const scores = wordScores(tokens, aggregation);
  const best = bestOf(scores);
  return {
    label: labels[best],
    score: scores[best],
    word: tokenizer.tokensToText(tokens.map(({ word }) => word)),
    start: tokens[0].start,
    end: tokens[tokens.length - 1].end,
  };
}

function wordScores(tokens: readonly ScoredToken[], aggregation: Aggregation): Float32Array {
  const all = tokens.map(({ scores }) => scores);
  if (aggregation === "first") return all[0];
  if (aggregation === "max") {
    const largest = all.map((scores) => scores[bestOf(scores)]);
    return all[bestOf(largest)];
  }
  return all[0].map((_, label) => all.reduce((sum, scores) => sum + scores[label], 0) / all.length);
}

/** Joins neighbours of one type; a label that begins with "B-" begins an entity. */
function groups(pieces: readonly Labelled[], tokenizer: Vocabulary): Entity[] {
  const found: Labelled[][] = [];
  for (const piece of pieces) {
    const group = found[found.length - 1];
    const joins = group && !piece.label.startsWith("B-") && sameType(piece, group[group.length - 1]);
    if (joins) group.push(piece);
    else found.push([piece]);
  }
  return found.map((group) => {
    const first = group[0];
    return {
      label: first.label.slice(first.label.indexOf("-") + 1),
      score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
      word: tokenizer.tokensToText(group.map(({ word }) => word)),
      start: first.start,
      end: group[group.length - 1].end,
    };
  });
}

function sameType(a: Labelled, b: Labelled): boolean {
  const typeOf = (label: string) => (/^[BI]-/.test(label) ? label.slice(2) : label);
  return typeOf(a.label) === typeOf(b.label);
}

/** Of entities of several windows that begin within one another the longest stays, of equal ones the more probable. */
export function withoutOverlaps(entities: readonly Entity[]): Entity[] {
  const kept: Entity[] = [];
  for (const entity of [...entities].sort((a, b) => a.start - b.start)) {
    const last = kept[kept.length - 1];
    if (!last || entity.start >= last.end) {
      kept.push(entity);
      continue;
    }
    const [length, before] = [entity.end - entity.start, last.end - last.start];
    if (length > before || (length === before && entity.score > last.score)) kept[kept.length - 1] = entity;
  }
  return kept;
}
