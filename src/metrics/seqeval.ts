// Scores of sequence labelling by whole entities, as seqeval 1.2.2 computes them.

import { checkChoice, checkInteger, checkSameLength, refuse } from "./check.js";
import { codePointLength, compareCodePoints, formatFixed } from "./python-text.js";
import {
  detectScheme,
  findEntities,
  findStrictEntities,
  TAG_SCHEMES,
  type TaggedEntity,
  type TagScheme,
} from "./seqeval-entities.js";

/** Options of `seqeval`. */
export interface SeqevalOptions {
  /** "default" (conlleval's lenient reading) or "strict". */
  mode?: "default" | "strict";
  /** The scheme of strict mode; without it the letters of the true tags decide. Default mode needs none. */
  scheme?: TagScheme;
  /** Decimal places in the report, 0 to 20; default 4 (seqeval's own report has 2). */
  digits?: number;
}

/** Fractions from 0 to 1; `support` counts true entities. */
export interface EntityScore {
  precision: number;
  recall: number;
  f1: number;
  support: number;
}

/** What `seqeval` gives. */
export interface SeqevalResult {
  /** By entity type, in code point order. */
  types: Record<string, EntityScore>;
  micro: EntityScore;
  /** NaN when there is no entity on either side, as in the reference. */
  macro: EntityScore;
  weighted: EntityScore;
  /** Share of equal tags. */
  accuracy: number;
  /** The table of `classification_report`. */
  report: string;
}

interface Counts {
  matched: number;
  predicted: number;
  actual: number;
}

/**
 * Precision, recall and F1 of entities, equal to seqeval with `zero_division=0`: a fraction of nothing is 0.
 *
 * ERR_ARGUMENT when the sequences differ in number or length, when there is no tag at all, for an empty tag, and in
 * strict mode for tags outside the scheme. Where seqeval cannot print its report because no entity is on either
 * side, the report has the averages alone.
 *
 * @example
 * seqeval([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "O"]]).micro.f1; // 1
 */
export function seqeval(
  predictedTags: readonly (readonly string[])[],
  trueTags: readonly (readonly string[])[],
  { mode = "default", scheme, digits = 4 }: SeqevalOptions = {},
): SeqevalResult {
  checkChoice("seqeval", "mode", mode, ["default", "strict"]);
  if (scheme !== undefined) checkChoice("seqeval", "scheme", scheme, TAG_SCHEMES);
  checkInteger("seqeval", "digits", digits, 0, 20);
  const accuracy = tagAccuracy(predictedTags, trueTags);
  const used = mode === "strict" ? (scheme ?? detectScheme(trueTags)) : undefined;
  const find = (tags: readonly (readonly string[])[]) =>
    used === undefined ? findEntities(tags) : findStrictEntities(tags, used);
  const counts = countByType(find(predictedTags), find(trueTags));
  const scores = [...counts].map(([type, count]) => [type, scoreOf(count)] as const);
  const sum = (part: keyof Counts) => [...counts.values()].reduce((total, count) => total + count[part], 0);
  const micro = scoreOf({ matched: sum("matched"), predicted: sum("predicted"), actual: sum("actual") });
  const each = scores.map(([, score]) => score);
  const macro = average(
    each,
    each.map(() => 1),
    micro.support,
  );
  const supports = each.map((score) => score.support);
  const weighted =
    micro.support === 0
      ? { precision: 0, recall: 0, f1: 0, support: 0 }
      : average(each, supports, micro.support);
  const averages = [
    ["micro avg", micro],
    ["macro avg", macro],
    ["weighted avg", weighted],
  ] as const;
  const report = formatReport(scores, averages, digits);
  return { types: Object.fromEntries(scores), micro, macro, weighted, accuracy, report };
}

// Also checks the arguments: a tag's place on one side needs one on the other
function tagAccuracy(
  predicted: readonly (readonly string[])[],
  actual: readonly (readonly string[])[],
): number {
  if (!Array.isArray(predicted)) refuse("seqeval", "predicted tags must be an array of arrays", predicted);
  if (!Array.isArray(actual)) refuse("seqeval", "true tags must be an array of arrays", actual);
  checkSameLength("seqeval", "predicted tags", actual.length, predicted.length);
  let total = 0;
  let equal = 0;
  actual.forEach((tags, i) => {
    checkTags(tags, `true tags[${i}]`);
    checkTags(predicted[i], `predicted tags[${i}]`);
    checkSameLength("seqeval", `predicted tags[${i}]`, tags.length, predicted[i].length);
    total += tags.length;
    for (let k = 0; k < tags.length; k++) if (tags[k] === predicted[i][k]) equal++;
  });
  if (total === 0) refuse("seqeval", "there must be at least one tag", actual);
  return equal / total;
}

function checkTags(tags: readonly string[], what: string): void {
  if (!Array.isArray(tags)) refuse("seqeval", `${what} must be an array of strings`, tags);
  tags.forEach((tag, k) => {
    if (typeof tag !== "string" || tag === "")
      refuse("seqeval", `${what}[${k}] must be a tag such as "B-PER"`, tag);
  });
}

function countByType(predicted: TaggedEntity[], actual: TaggedEntity[]): Map<string, Counts> {
  const places = (entities: TaggedEntity[]) => {
    const byType = new Map<string, Set<string>>();
    for (const { type, place } of entities) {
      const known = byType.get(type);
      if (known === undefined) byType.set(type, new Set([place]));
      else known.add(place);
    }
    return byType;
  };
  const [ours, theirs] = [places(predicted), places(actual)];
  const types = [...new Set([...ours.keys(), ...theirs.keys()])].sort(compareCodePoints);
  const none: ReadonlySet<string> = new Set();
  return new Map(
    types.map((type) => {
      const [own, other] = [ours.get(type) ?? none, theirs.get(type) ?? none];
      const matched = [...own].filter((place) => other.has(place)).length;
      return [type, { matched, predicted: own.size, actual: other.size }];
    }),
  );
}

function scoreOf({ matched, predicted, actual }: Counts): EntityScore {
  const precision = predicted === 0 ? 0 : matched / predicted;
  const recall = actual === 0 ? 0 : matched / actual;
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1, support: actual };
}

function average(scores: readonly EntityScore[], weights: readonly number[], support: number): EntityScore {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const of = (part: "precision" | "recall" | "f1") =>
    scores.reduce((sum, score, i) => sum + score[part] * weights[i], 0) / total;
  return { precision: of("precision"), recall: of("recall"), f1: of("f1"), support };
}

type Row = readonly [name: string, score: EntityScore];

function formatReport(types: readonly Row[], averages: readonly Row[], digits: number): string {
  const width = Math.max("weighted avg".length, digits, ...types.map(([type]) => codePointLength(type)));
  const pad = (text: string) => " ".repeat(Math.max(0, width - codePointLength(text))) + text;
  const line = ([name, { precision, recall, f1, support }]: Row) => {
    const cells = [...[precision, recall, f1].map((value) => formatFixed(value, digits)), String(support)];
    return `${pad(name)} ${cells.map((cell) => ` ${cell.padStart(9)}`).join("")}\n`;
  };
  const heads = ["precision", "recall", "f1-score", "support"].map((head) => ` ${head.padStart(9)}`).join("");
  return `${pad("")} ${heads}\n\n${types.map(line).join("")}\n${averages.map(line).join("")}`;
}
