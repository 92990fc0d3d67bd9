// readSquad: nested and flat, versions 1 and 2, CMRC 2018, code points, misplaced answers, places of errors.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  readSquad,
  readTable,
  type SkipReport,
  type SquadFileOptions,
  type SquadRow,
} from "../../src/data/index.js";
import { squadParser } from "../../src/data/squad.js";
import { fixture, inPieces } from "./fixture.js";
import { errorOf, withFile } from "./temporary.js";

type Answer = { text: string; answer_start: number };
const nested = (context: string, answers: unknown, more = {}) =>
  JSON.stringify({
    data: [{ title: "T", paragraphs: [{ context, qas: [{ id: "1", question: "?", answers, ...more }] }] }],
  });
const squad = (text: string, options?: SquadFileOptions, name = "a.json") =>
  withFile(name, text, (file) => readSquad(file, options));
const flat = (id: string) => ({
  id,
  context: "a b",
  question: "?",
  answers: { text: ["b"], answer_start: [2] },
});

describe("readSquad", () => {
  test("nested and flat files of the same questions give the same rows", async () => {
    const fromNested = await readSquad(fixture("squad-v2.json"));
    const fromFlat = await readSquad(fixture("squad-flat.json"));
    expect(fromNested).toHaveLength(14);
    const byId = new Map(fromFlat.map((row) => [row.id, row]));
    const shared = fromNested.filter(({ id }) => byId.has(id));
    expect(shared.length).toBeGreaterThan(0);
    for (const { id, question, answers } of shared) {
      const other = byId.get(id);
      expect(other?.question).toBe(question);
      // The flat file has the answers of all annotators, the nested one fewer.
      expect(other?.answers.answer_start).toEqual(expect.arrayContaining(answers.answer_start));
    }
    expect(fromNested.filter(({ answers }) => answers.text.length === 0)).toHaveLength(6);
    for (const { context, answers } of [...fromNested, ...fromFlat]) {
      answers.text.forEach((text, i) => {
        expect(context.startsWith(text, answers.answer_start[i])).toBe(true);
      });
    }
  });

  test("an array, JSON Lines, another member", async () => {
    const rows = [flat("1"), flat("2")];
    const expected = rows.map((row) => ({ title: "", ...row }));
    expect(await squad(JSON.stringify(rows))).toEqual(expected);
    expect(await squad(rows.map((row) => JSON.stringify(row)).join("\n"), {}, "a.jsonl")).toEqual(expected);
    expect(await squad(JSON.stringify({ rows }), { field: "rows" })).toEqual(expected);
  });

  test("starts count UTF-16 units in rows, code points in files", async () => {
    const [row] = await squad(nested("😀😀 ab", [{ text: "ab", answer_start: 3 }]));
    expect(row.answers).toEqual({ text: ["ab"], answer_start: [5] });
  });

  test("impossible questions have no answers, whatever stands there", async () => {
    const [row] = await squad(nested("ab", [{ text: "b", answer_start: 1 }], { is_impossible: true }));
    expect(row.answers).toEqual({ text: [], answer_start: [] });
  });

  test("CMRC 2018: answers that do not stand where they should", async () => {
    const file = fixture("cmrc2018.json.gz");
    const kept = await readSquad(file);
    const stands = ({ context, answers }: SquadRow) =>
      answers.text.every((text, i) => context.startsWith(text, answers.answer_start[i]));
    expect(kept.filter((row) => !stands(row)).length).toBeGreaterThan(0);
    const moved = await readSquad(file, { misplaced: "move" });
    expect(moved).toHaveLength(kept.length);
    expect(moved.every(stands)).toBe(true);
    let report: SkipReport | undefined;
    const onSkip = (made: SkipReport) => {
      report = made;
    };
    const good = await readTable<SquadRow>(file, {
      format: "squad",
      misplaced: "bad",
      onBadRow: "skip",
      onSkip,
    });
    expect(good).toEqual(kept.filter(stands));
    expect(report?.count).toBe(kept.length - good.length);
  });

  test("a misplaced answer moves to the nearest place, or goes", async () => {
    const moved = async (context: string, answer: Answer) =>
      (await squad(nested(context, [answer]), { misplaced: "move" }))[0].answers.answer_start;
    expect(await moved("x ab x ab", { text: "ab", answer_start: 3 })).toEqual([2]);
    expect(await moved("x ab x ab", { text: "ab", answer_start: 6 })).toEqual([7]);
    expect(await moved("x ab", { text: "ab", answer_start: -1 })).toEqual([2]);
    expect(await moved("x ab", { text: "zz", answer_start: 0 })).toEqual([]);
  });

  const faults: [string, string, string][] = [
    [
      "no list of paragraphs",
      '{"data":[{"paragraphs":3}]}',
      "line 1, column 10: paragraphs needs a list, got 3",
    ],
    [
      "no context",
      '{"data":[{"paragraphs":[{"qas":[]}]}]}',
      "paragraphs[0].context needs a text, got nothing",
    ],
    ["no id", nested("a", [], { id: "" }), 'paragraphs[0].qas[0].id needs a text, got ""'],
    [
      "no question",
      nested("a", [], { question: null }),
      "paragraphs[0].qas[0].question needs a text, got null",
    ],
    [
      "no answers",
      nested("a", undefined),
      "qas[0].answers needs the answers, a list (empty where there are none)",
    ],
    [
      "an answer without start",
      nested("a", [{ text: "a" }]),
      'answers[0] needs a text and a whole number answer_start, got "a" and nothing',
    ],
    [
      "columns of two lengths",
      nested("a", { text: ["a"], answer_start: [] }),
      "needs lists text and answer_start of one length",
    ],
    ["another document", '{"rows":[]}', 'needs a member "data", got rows'],
    ["not JSON", "id,context", "needs an object"],
  ];
  test.each(faults)("%s", async (_name, text, message) => {
    const error = await errorOf(() => squad(text));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(message);
  });

  test("one bad question does not take its article along", async () => {
    const qas = [
      { id: "1", question: "?", answers: [] },
      { id: "2" },
      { id: "3", question: "?", answers: [] },
    ];
    const text = JSON.stringify({ data: [{ title: "T", paragraphs: [{ context: "c", qas }] }] });
    const rows = await squad(text, { onBadRow: "skip" });
    expect(rows.map(({ id }) => id)).toEqual(["1", "3"]);
  });

  test("misuse", async () => {
    const error = await errorOf(() => squad("{}", { misplaced: "mend" as never }));
    expect(error).toEqual({
      code: "ERR_ARGUMENT",
      message: 'data: misplaced must be one of keep, move, bad, got "mend"',
    });
  });

  test("answers stand where they stood, for any text and any pieces", async () => {
    const unit = fc.constantFrom("a", "文", "😀", " ", '"', "}");
    const parts = fc.tuple(fc.string({ unit }), fc.string({ unit, minLength: 1 }), fc.string({ unit }));
    const property = fc.asyncProperty(
      parts,
      fc.integer({ min: 1, max: 40 }),
      async ([before, answer, after], size) => {
        const text = nested(before + answer + after, [{ text: answer, answer_start: [...before].length }]);
        const [row] = (await inPieces(squadParser("a.json", {}), text, size)) as SquadRow[];
        expect(row.answers).toEqual({ text: [answer], answer_start: [before.length] });
      },
    );
    await fc.assert(property, { seed: 7, numRuns: 200 });
  });
});
