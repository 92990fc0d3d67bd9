// Entity scores against seqeval (commit cd01b52) with zero_division=0.
import { describe, expect, test } from "@jest/globals";
import { type EntityScore, seqeval, type TagScheme } from "../../src/metrics/index.js";
import { detectScheme } from "../../src/metrics/seqeval-entities.js";
import { Differences, type Expected, expectRefusal, fixture } from "./support.js";

type Numbers = Record<string, Expected>;

interface Case {
  name: string;
  scheme: TagScheme;
  true: string[][];
  pred: string[][];
  accuracy: number;
  default: Outcome;
  strict: Outcome;
}

interface Outcome {
  micro: Numbers;
  macro: Numbers;
  weighted: Numbers;
  report: Record<string, Numbers>;
  text?: string;
  error?: string;
}

const { cases }: { cases: Case[] } = fixture("labeling");

describe.each(["default", "strict"] as const)("seqeval, %s mode", (mode) => {
  test.each(cases.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
    const expected = entry[mode];
    const got = seqeval(entry.pred, entry.true, { mode, scheme: entry.scheme });
    const differences = new Differences();
    differences.add("accuracy", got.accuracy, entry.accuracy);
    const compare = (where: string, score: EntityScore, numbers: Numbers) => {
      differences.add(`${where} precision`, score.precision, numbers.precision);
      differences.add(`${where} recall`, score.recall, numbers.recall);
      differences.add(`${where} f1`, score.f1, numbers["f1-score"] ?? numbers.f1);
      if ("support" in numbers) differences.add(`${where} support`, score.support, numbers.support);
    };
    for (const average of ["micro", "macro", "weighted"] as const) {
      compare(average, got[average], expected[average]);
      compare(`${average} avg`, got[average], expected.report[`${average} avg`]);
    }
    const types = Object.keys(expected.report).filter((name) => !name.endsWith(" avg"));
    expect(Object.keys(got.types)).toEqual(types);
    for (const type of types) compare(type, got.types[type], expected.report[type]);
    differences.expectNone(19);
    if (expected.text !== undefined) expect(got.report).toBe(expected.text);
  });
});

describe("seqeval", () => {
  const report = (digits: number) =>
    seqeval([["B-A", "O", "O", "O", "O", "O", "O", "O"]], [Array(8).fill("B-A")], { digits }).report;

  test("no entity anywhere: 0 and NaN as in the reference, whose own text report fails", () => {
    const got = seqeval([["O"]], [["O"]]);
    expect(got).toMatchObject({ types: {}, accuracy: 1, micro: { f1: 0 }, weighted: { f1: 0 } });
    expect(got.macro.f1).toBeNaN();
    expect(got.report.split("\n").filter((line) => line !== "")).toHaveLength(4);
    expect(got.report).toContain("macro avg        nan       nan       nan         0");
  });

  test("the report rounds ties to even, as Python does", () => {
    expect(report(2)).toContain("A       1.00      0.12      0.22         8"); // recall is 0.125
    expect(report(3)).toContain("A      1.000     0.125     0.222         8");
  });

  test("names of any length and script, such as __proto__", () => {
    const tags = [["B-__proto__", "B-产品", "B-a-very-long-entity-type"]];
    const got = seqeval(tags, tags);
    expect(Object.keys(got.types)).toEqual(["__proto__", "a-very-long-entity-type", "产品"]);
    expect(got.report.split("\n")[0]).toHaveLength("a-very-long-entity-type".length + 1 + 4 * 10);
  });

  test("strict mode without a scheme goes by the letters of the true tags", () => {
    const tags = (letters: string) => [
      letters.split("").map((letter) => (letter === "O" ? "O" : `${letter}-X`)),
    ];
    expect(
      ["BIO", "B", "IEO", "E", "BIES", "S", "BILU", "U"].map((letters) => detectScheme(tags(letters))),
    ).toEqual(["IOB2", "IOB2", "IOE2", "IOE2", "IOBES", "IOBES", "BILOU", "BILOU"]);
    expect(seqeval(tags("OII"), tags("BIO"), { mode: "strict" }).micro.f1).toBe(0);
    expect(seqeval(tags("OII"), tags("OBI")).micro.f1).toBe(1);
    expectRefusal(() => seqeval(tags("I"), tags("I"), { mode: "strict" }), "scheme must be given");
  });

  test.each([
    ["number of sequences", [[["O"]], []], "predicted tags must have length 0, got 1"],
    ["lengths", [[["O"]], [["O", "O"]]], "predicted tags[0] must have length 2, got 1"],
    ["no tags", [[[]], [[]]], "there must be at least one tag"],
    ["empty tag", [[[""]], [["O"]]], 'predicted tags[0][0] must be a tag such as "B-PER", got ""'],
    ["flat", [["O"], ["O"]], 'true tags[0] must be an array of strings, got "O"'],
    ["not tags", ["O", "O"], 'predicted tags must be an array of arrays, got "O"'],
    ["mode", [[["O"]], [["O"]], { mode: "lenient" }], 'mode must be one of "default", "strict"'],
    ["scheme", [[["O"]], [["O"]], { scheme: "BIO" }], 'scheme must be one of "IOB1"'],
    ["digits", [[["O"]], [["O"]], { digits: -1 }], "digits must be an integer from 0 to 20"],
    [
      "letter",
      [[["E-X"]], [["B-X"]], { mode: "strict", scheme: "IOB2" }],
      'begin with one of I, O, B, got "E-X"',
    ],
  ])("misuse: %s", (_, args, part) => {
    expectRefusal(() => seqeval(...(args as unknown as Parameters<typeof seqeval>)), part);
  });
});
