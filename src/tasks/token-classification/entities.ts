// From the classes of tokens to entities, as Transformers' TokenClassificationPipeline has it (gather_pre_entities,
// aggregate, aggregate_words, group_entities, aggregate_overlapping_entities), with offsets in UTF-16 code units.
import { bestOf } from "../scores.js";
import { type PieceReader, type TokenExample, tokenSpan } from "./alignment.js";

/**
 * How tokens become entities. "none": they do not, each token has its tag. "simple": neighbours of a kind join, each
 * token by its own class. "first", "average", "max": all tokens of a word have the class of its first token, of their
 * mean scores, of the token with the best score; then as "simple".
 */
export type Aggregation = "none" | "simple" | "first" | "average" | "max";

/** An entity, or with aggregation "none" a token. */
export interface Entity {
  /** The kind ("PER"); with aggregation "none" the tag ("B-PER"). */
  entity: string;
  /** Mean probability. */
  score: number;
  /** The tokens as text; `text.slice(start, end)` is how it is written. */
  word: string;
  /** In the text of the result, in UTF-16 code units. */
  start: number;
  end: number;
  /** The token's place in its sequence, with aggregation "none". */
  index?: number;
}

/** A token with its probabilities. */
interface Piece {
  word: string;
  scores: Float32Array;
  start: number;
  end: number;
  index: number;
  isSubword: boolean;
}

/** A token or word with its tag. */
type Tagged = Entity;

/** The entities of one window, those of `ignored` labels left out. */
export function entitiesOf(
  example: TokenExample,
  scores: readonly Float32Array[],
  names: readonly string[],
  aggregation: Aggregation,
  ignored: readonly string[],
): Entity[] {
  const { tokenizer } = example.source as NonNullable<TokenExample["source"]>;
  const pieces = piecesOf(example, scores);
  const found = aggregated(pieces, names, aggregation, tokenizer);
  return found.filter(({ entity }) => !ignored.includes(entity));
}

/** Of entities that overlap, as windows do, the longest; of those the most certain. */
export function withoutOverlaps(entities: readonly Entity[]): Entity[] {
  const [first, ...others] = [...entities].sort((a, b) => a.start - b.start);
  if (first === undefined) return [];
  const kept: Entity[] = [];
  let previous = first;
  for (const entity of others) {
    if (entity.start >= previous.end) {
      kept.push(previous);
      previous = entity;
      continue;
    }
    const longer = entity.end - entity.start - (previous.end - previous.start);
    if (longer > 0 || (longer === 0 && entity.score > previous.score)) previous = entity;
  }
  return [...kept, previous];
}

function piecesOf(example: TokenExample, scores: readonly Float32Array[]): Piece[] {
  const { sentence, encoding, tokenizer } = example.source as NonNullable<TokenExample["source"]>;
  const pieces: Piece[] = [];
  for (let index = 0; index < encoding.length; index++) {
    if (encoding.specialTokensMask[index] !== 0) continue;
    const id = encoding.ids[index];
    const [start, end] = tokenSpan(encoding, index, sentence);
    const written = sentence.text.slice(start, end);
    const isUnknown = id === tokenizer.unkTokenId;
    const word = isUnknown ? written : (tokenizer.idToToken(id) ?? "");
    // A prefix makes a token longer than what it stands for. Without one, whatever follows no blank continues a word.
    const isSubword = tokenizer.continuingSubwordPrefix
      ? codePoints(word) !== codePoints(written)
      : start > 0 && !sentence.text.slice(start - 1, start + 1).includes(" ");
    pieces.push({ word, scores: scores[index], start, end, index, isSubword: !isUnknown && isSubword });
  }
  return pieces;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function aggregated(
  pieces: readonly Piece[],
  names: readonly string[],
  aggregation: Aggregation,
  tokenizer: PieceReader,
): Entity[] {
  if (aggregation === "none" || aggregation === "simple") {
    const tagged = pieces.map(({ word, scores, start, end, index }): Tagged => {
      const best = bestOf(scores);
      return { entity: names[best], score: scores[best], index, word, start, end };
    });
    return aggregation === "none" ? tagged : grouped(tagged, tokenizer);
  }
  const words: Piece[][] = [];
  for (const piece of pieces) {
    if (piece.isSubword && words.length > 0) words[words.length - 1].push(piece);
    else words.push([piece]);
  }
  return grouped(
    words.map((word) => taggedWord(word, names, aggregation, tokenizer)),
    tokenizer,
  );
}

function taggedWord(
  pieces: readonly Piece[],
  names: readonly string[],
  aggregation: "first" | "average" | "max",
  tokenizer: PieceReader,
): Tagged {
  const scores = wordScores(pieces, aggregation);
  const best = bestOf(scores);
  return {
    entity: names[best],
    score: scores[best],
    word: tokenizer.decodeTokens(pieces.map(({ word }) => word)),
    start: pieces[0].start,
    end: pieces[pieces.length - 1].end,
  };
}

function wordScores(pieces: readonly Piece[], aggregation: "first" | "average" | "max"): Float32Array {
  if (aggregation === "first") return pieces[0].scores;
  if (aggregation === "max") {
    const most = pieces.map(({ scores }) => scores[bestOf(scores)]);
    return pieces[bestOf(most)].scores;
  }
  return pieces[0].scores.map(
    (_, id) => pieces.reduce((sum, { scores }) => sum + scores[id], 0) / pieces.length,
  );
}

/** Joins neighbours of one kind, unless the latter begins anew. */
function grouped(tagged: readonly Tagged[], tokenizer: PieceReader): Entity[] {
  const groups: Tagged[][] = [];
  for (const item of tagged) {
    const group = groups[groups.length - 1];
    const { begins, kind } = readTag(item.entity);
    if (group && !begins && readTag(group[group.length - 1].entity).kind === kind) group.push(item);
    else groups.push([item]);
  }
  return groups.map((group) => ({
    entity: group[0].entity.slice(group[0].entity.indexOf("-") + 1),
    score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
    word: tokenizer.decodeTokens(group.map(({ word }) => word)),
    start: group[0].start,
    end: group[group.length - 1].end,
  }));
}

function readTag(tag: string): { begins: boolean; kind: string } {
  const begins = tag.startsWith("B-");
  return { begins, kind: begins || tag.startsWith("I-") ? tag.slice(2) : tag };
}
