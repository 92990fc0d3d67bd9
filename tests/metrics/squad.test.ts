// SQuAD scores against the official 1.1 and 2.0 scripts; words within Chinese answers against NLTK 3.10.3.
import { describe, expect, test } from "@jest/globals";
import { type SquadResult, squad } from "../../src/metrics/index.js";
import { splitWords } from "../../src/metrics/python-text.js";
import { normalizeAnswer } from "../../src/metrics/squad.js";
import { treebankWords } from "../../src/metrics/treebank-words.js";
import { Differences, expectRefusal, fixture } from "./support.js";

interface Item {
  id: string;
  answers: string[];
  prediction: string;
  no_answer_probability: number;
}

const { groups, normalized } = fixture("squad");

function official(result: SquadResult): Record<string, number | undefined> {
  const { exact, f1, total, hasAns, noAns, bestExact, bestExactThreshold, bestF1, bestF1Threshold } = result;
  return {
    exact,
    f1,
    total,
    HasAns_exact: hasAns?.exact,
    HasAns_f1: hasAns?.f1,
    HasAns_total: hasAns?.total,
    NoAns_exact: noAns?.exact,
    NoAns_f1: noAns?.f1,
    NoAns_total: noAns?.total,
    best_exact: bestExact,
    best_exact_thresh: bestExactThreshold,
    best_f1: bestF1,
    best_f1_thresh: bestF1Threshold,
  };
}

const predictionsOf = (items: Item[]) =>
  items.map((item) => ({
    id: item.id,
    text: item.prediction,
    noAnswerProbability: item.no_answer_probability,
  }));

describe("official SQuAD scripts", () => {
  test("normalized answers", () => {
    expect(Object.keys(normalized).length).toBeGreaterThan(10);
    for (const [text, [v1, v2]] of Object.entries(normalized) as [string, string[]][]) {
      expect([normalizeAnswer(text), normalizeAnswer(text)]).toEqual([v1, v2]);
    }
  });

  test.each((groups as { name: string; items: Item[] }[]).map((group) => [group.name, group] as const))(
    "%s",
    (_, group) => {
      // biome-ignore lint/suspicious/noExplicitAny: JSON
      const { items, v1, per_question, ...rest } = group as any;
      const differences = new Differences();
      if (v1 !== undefined) {
        const { exact, f1 } = squad(predictionsOf(items), items, { version: 1 });
        differences.addAll("version 1", [exact, f1], [v1.exact_match, v1.f1]);
      }
      for (const threshold of [1, 0.5]) {
        const got = squad(predictionsOf(items), items, { version: 2, noAnswerThreshold: threshold });
        const expected = rest[`v2_threshold_${threshold.toFixed(1)}`];
        const own = Object.fromEntries(
          Object.entries(official(got)).filter(([, value]) => value !== undefined),
        );
        expect(Object.keys(own).sort()).toEqual(Object.keys(expected).sort());
        for (const [name, value] of Object.entries(expected))
          differences.add(name, own[name], value as number);
        for (const { id, exact, f1 } of got.perQuestion) {
          differences.addAll(id, [exact, f1], [per_question[id].exact, per_question[id].f1]);
        }
      }
      differences.expectNone(20);
    },
  );
});

describe("squad", () => {
  const score = (text: string, answers: string[], options: Partial<Parameters<typeof squad>[2]> = {}) =>
    squad([{ id: "q", text }], [{ id: "q", answers }], { version: 1, ...options });

  test("version 1: a missing prediction counts as wrong, a question without answers not at all", () => {
    const references = [
      { id: "a", answers: ["x"] },
      { id: "b", answers: ["y"] },
      { id: "c", answers: [] },
    ];
    expect(squad([{ id: "a", text: "x" }], references, { version: 1 })).toMatchObject({
      exact: 50,
      f1: 50,
      total: 2,
    });
  });

  test("version 2: probabilities default to 0, unknown predictions are ignored", () => {
    const predictions = [
      { id: "a", text: "x" },
      { id: "other", text: "y" },
    ];
    const got = squad(predictions, [{ id: "a", answers: ["x"] }], { version: 2 });
    expect(got).toMatchObject({ exact: 100, total: 1, bestExact: 100, bestExactThreshold: 0 });
    expect(got.noAns).toBeUndefined();
  });

  test("answers that normalization empties: no F1 in version 1, agreement with nothing in version 2", () => {
    expect(score("the", ["a an the"])).toMatchObject({ exact: 100, f1: 0 });
    expect(score("the", ["a an the"], { version: 2 })).toMatchObject({ exact: 100, f1: 100 });
    expect(score("", [], { version: 2 }).noAns).toEqual({ exact: 100, f1: 100, total: 1 });
  });

  // By hand from the CMRC 2018 script: longest common run of tokens, punctuation removed
  test.each([
    ["北京大学", ["北京大学"], 100, 100],
    ["《北京大学》。", ["北京大学"], 100, 100],
    ["在北京大学", ["北京大学"], 0, (200 * (4 / 5)) / (4 / 5 + 1)],
    ["北京的大学", ["北京大学"], 0, (200 * (2 / 5) * (2 / 4)) / (2 / 5 + 2 / 4)],
    ["iPhone 6手机", ["IPHONE 6"], 0, (200 * (2 / 4)) / (2 / 4 + 1)],
    ["上海", ["北京", "上海市"], 0, (200 * (2 / 3)) / (1 + 2 / 3)],
    ["", ["北京"], 0, 0],
    ["。", ["，"], 100, 0],
  ])("Chinese as CMRC scores it: %j against %j", (text, answers, exact, f1) => {
    const got = score(text, answers, { language: "zh" });
    expect(got.exact).toBe(exact);
    expect(got.f1).toBeCloseTo(f1, 9);
  });

  test("Chinese in version 2: nothing against nothing agrees", () => {
    expect(score("", [], { version: 2, language: "zh" })).toMatchObject({ exact: 100, f1: 100 });
    expect(score("北京", [], { version: 2, language: "zh" })).toMatchObject({ exact: 0, f1: 0 });
  });

  test("words as NLTK 3.10.3 cuts them", () => {
    const { words } = fixture("extra") as { words: [string, string[]][] };
    expect(words.length).toBeGreaterThan(200);
    for (const [text, tokens] of words)
      expect([text, splitWords(treebankWords(text))]).toEqual([text, tokens]);
  });

  test.each([
    ["version", [[], [], { version: 3 }], "version must be 1 or 2, got 3"],
    ["no options", [[], []], "version must be 1 or 2, got undefined"],
    ["nothing", [[], [], { version: 2 }], "at least one question with answers"],
    [
      "only unanswerable",
      [[], [{ id: "a", answers: [] }], { version: 1 }],
      "at least one question with answers",
    ],
    ["missing", [[], [{ id: "a", answers: [] }], { version: 2 }], "question a must have a prediction"],
    [
      "twice",
      [
        [],
        [
          { id: "a", answers: [] },
          { id: "a", answers: [] },
        ],
        { version: 1 },
      ],
      'must be unique, got "a"',
    ],
    [
      "answers",
      [[], [{ id: "a", answers: "x" }], { version: 1 }],
      "answers of question a must be an array of strings",
    ],
    ["id", [[{ text: "x" }], [], { version: 1 }], "every id in predictions must be a string"],
    [
      "text",
      [[{ id: "a" }], [{ id: "a", answers: ["x"] }], { version: 2, noAnswerThreshold: Number.NaN }],
      "noAnswerThreshold must be",
    ],
    [
      "text kind",
      [[{ id: "a", text: 1 }], [{ id: "a", answers: ["x"] }], { version: 2 }],
      "the text predicted for a must be a string",
    ],
    ["language", [[], [], { version: 1, language: "fr" }], 'language must be one of "en", "zh"'],
    ["list", [{}, [], { version: 1 }], "predictions must be an array"],
    [
      "probability",
      [[{ id: "a", text: "", noAnswerProbability: "1" }], [{ id: "a", answers: [] }], { version: 2 }],
      "noAnswerProbability of a must be a number",
    ],
  ])("misuse: %s", (_, args, part) => {
    expectRefusal(() => squad(...(args as unknown as Parameters<typeof squad>)), part);
  });
});
