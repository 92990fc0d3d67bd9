// Windows, positions and answers against what Transformers' run_qa.py makes of the same rows and logits.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { readSquad, type SquadRow } from "../../src/data/index.js";
import { type NullScore, type QuestionAnswer, questionAnswering } from "../../src/tasks/index.js";
import type { WindowAnswers } from "../../src/tasks/question-answering/answers.js";
import type { Window } from "../../src/tasks/question-answering/windows.js";
import { uniform } from "../support/random.js";
import { readJson } from "../tokenizers/support.js";
import { contextOf, noModel, repositoryFile, tokenizerOf } from "./language-support.js";

interface Reference {
  data: string;
  vocabulary: string;
  rows: number;
  maxLength: number;
  stride: number;
  left: boolean;
  seed: number;
  windows: ReferenceWindow[];
  results: {
    version: 1 | 2;
    nullScore: NullScore | null;
    answers: ReferenceAnswer[];
    scores: { exact: number; f1: number } | null;
  }[];
}

interface ReferenceWindow {
  row: number;
  ids: number[];
  types: number[];
  context: [number, number];
  /** Code points, of the context's tokens alone. */
  offsets: number[];
  first: number;
  last: number;
}

interface ReferenceAnswer {
  text: string;
  score: number;
  difference: number | null;
  /** Start, end (code points), score, probability. */
  candidates: [number, number, number, number][];
  count: number;
}

const { cases } = readJson<{ cases: Reference[] }>("tasks/question_answering.json.gz");

/** UTF-16 units before each code point of a text. */
function unitsOf(text: string): number[] {
  const units = [0];
  for (const character of text) units.push(units[units.length - 1] + character.length);
  return units;
}

describe.each(cases)("$data with $vocabulary, $maxLength tokens and stride $stride", (reference) => {
  const { vocabulary, maxLength, stride, left, seed } = reference;
  let rows: SquadRow[];
  let trained: Window[];
  let predicted: Window[];

  beforeAll(async () => {
    const folder = reference.data.includes("/") ? "examples" : "tests/fixtures/data";
    const all = await readSquad(repositoryFile(`${folder}/${reference.data}`));
    rows = all.slice(0, reference.rows);
    const tokenizer = await tokenizerOf(vocabulary, left ? "left" : "right");
    // As the reference takes answers: where answer_start says.
    const task = questionAnswering({ maxLength, stride, misplaced: "keep" });
    trained = (await task.prepare(rows, contextOf(tokenizer, "train"))) as Window[];
    predicted = (await task.prepare(rows, contextOf(tokenizer, "predict"))) as Window[];
  });

  test("windows, and the tokens of their answers", () => {
    expect(trained).toHaveLength(reference.windows.length);
    trained.forEach((window, i) => {
      const wanted = reference.windows[i];
      expect(Array.from(window.inputIds)).toEqual(wanted.ids);
      expect(Array.from(window.tokenTypeIds!)).toEqual(wanted.types);
      expect(window.row).toBe(wanted.row);
      expect([window.startPosition, window.endPosition]).toEqual([wanted.first, wanted.last]);
      expect(window.nullPosition).toBe(0);
      expect(window.offsets).toBeUndefined();
    });
  });

  test("offsets of the contexts' tokens", () => {
    expect(predicted).toHaveLength(reference.windows.length);
    predicted.forEach((window, i) => {
      const { ids, row, context, offsets } = reference.windows[i];
      const units = unitsOf(rows[row].context);
      const wanted = new Array(2 * ids.length).fill(-1);
      offsets.forEach((at, k) => {
        wanted[2 * context[0] + k] = units[at];
      });
      expect(Array.from(window.inputIds)).toEqual(ids);
      expect(Array.from(window.offsets!)).toEqual(wanted);
      expect(window.startPosition).toBeUndefined();
    });
  });

  test.each(reference.results)("answers of version $version, null score $nullScore", (result) => {
    const { version, nullScore } = result;
    const task = questionAnswering({ version, nullScore: nullScore ?? "min" });
    const answers = joined(task);
    const textsOf = (list: { text: string }[]) => list.map(({ text }) => text);
    expect(textsOf(answers)).toEqual(textsOf(result.answers));
    for (const [row, answer] of answers.entries()) compare(answer, result.answers[row], rows[row]);
    if (!result.scores) return;
    const { exact, f1 } = task.metrics(answers, predicted, noModel, rows);
    expect(exact).toBeCloseTo(result.scores.exact, 9);
    expect(f1).toBeCloseTo(result.scores.f1, 9);
  });

  function joined(task: ReturnType<typeof questionAnswering>): QuestionAnswer[] {
    const next = uniform(seed);
    const predictions: WindowAnswers[] = predicted.flatMap((window) => {
      const [starts, ends] = [0, 1].map(() => Float32Array.from(window.inputIds, () => 8 * next() - 4));
      const outputs = {
        startLogits: { data: starts, shape: [starts.length] },
        endLogits: { data: ends, shape: [ends.length] },
      };
      return task.predict(outputs, [window], noModel);
    });
    return task.join!(predictions, predicted, rows, noModel);
  }

  function compare(answer: QuestionAnswer, wanted: ReferenceAnswer, row: SquadRow): void {
    const units = unitsOf(row.context);
    expect(answer.id).toBe(row.id);
    expect(row.context.slice(answer.start, answer.end)).toBe(answer.text);
    expect(answer.score).toBeCloseTo(wanted.score, 6);
    expect(answer.candidates).toHaveLength(wanted.count);
    if (wanted.difference === null) expect(answer.nullDifference).toBeUndefined();
    else expect(answer.nullDifference).toBeCloseTo(wanted.difference, 5);
    wanted.candidates.forEach(([start, end, score, probability], i) => {
      const ours = answer.candidates[i];
      expect([ours.start, ours.end]).toEqual([units[start], units[end]]);
      expect(Math.fround(ours.startLogit + ours.endLogit)).toBe(score);
      expect(ours.score).toBeCloseTo(probability, 6);
    });
  }
});
