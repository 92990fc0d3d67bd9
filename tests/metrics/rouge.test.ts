// ROUGE against rouge_score, its stemmer against NLTK 3.10.3, its bootstrap against NumPy 2.4.6.
import { describe, expect, test } from "@jest/globals";
import { type RougeScore, type RougeType, rouge, splitSentences } from "../../src/metrics/index.js";
import { porterStem } from "../../src/metrics/porter-stemmer.js";
import { bootstrapRouge } from "../../src/metrics/rouge-bootstrap.js";
import { Differences, expectRefusal, fixture } from "./support.js";

type Triple = [number, number, number];

const shared = fixture("rouge");
const extra = fixture("extra");
const triple = ({ precision, recall, fmeasure }: RougeScore): Triple => [precision, recall, fmeasure];

describe("rouge_score", () => {
  test.each([
    ["plain", false],
    ["stemmed", true],
  ])("%s: pairs, means and bootstrap of the same seed", (key, useStemmer) => {
    const predictions = shared.pairs.map((pair: { prediction: string }) => pair.prediction);
    const references = shared.pairs.map((pair: { reference: string }) => pair.reference);
    const got = rouge(predictions, references, { useStemmer, bootstrap: true, seed: shared.seed });
    const { scores, mean, bootstrap } = shared[key];
    const differences = new Differences();
    for (const [type, { perPair, mean: ownMean, bootstrap: interval }] of Object.entries(got)) {
      scores.forEach((score: Record<string, Triple>, i: number) => {
        differences.addAll(`${type} pair ${i}`, triple(perPair[i]), score[type]);
      });
      differences.addAll(`${type} mean`, triple(ownMean), mean[type]);
      for (const end of ["low", "mid", "high"] as const) {
        differences.addAll(`${type} ${end}`, triple(interval![end]), bootstrap[type][end]);
      }
    }
    differences.expectNone(4 * 3 * 49);
  });

  test("NLTK's Porter stems", () => {
    const expected: Record<string, string> = { ...shared.stems, ...extra.stems };
    expect(Object.keys(expected).length).toBeGreaterThan(1500);
    const got = Object.fromEntries(Object.keys(expected).map((word) => [word, porterStem(word)]));
    expect(got).toEqual(expected);
  });

  test("resampled percentiles", () => {
    const differences = new Differences();
    for (const { scores, seed, resamples, percentiles } of extra.bootstraps) {
      const list = (scores as Triple[]).map(([precision, recall, fmeasure]) => ({
        precision,
        recall,
        fmeasure,
      }));
      const { low, mid, high } = bootstrapRouge([list], resamples, seed)[0];
      [low, mid, high].forEach((score, i) => {
        differences.addAll(`seed ${seed}, point ${i}`, triple(score), percentiles[i]);
      });
    }
    differences.expectNone(100);
  });
});

describe("rouge", () => {
  const one = (prediction: string, reference: string | string[], types: RougeType[]) =>
    rouge([prediction], [reference], { types });

  test("identical texts score 1 in every type that they are long enough for", () => {
    const text = "one two three four five six seven eight nine";
    const types = [1, 2, 3, 4, 5, 6, 7, 8, 9, "L", "Lsum"].map((n) => `rouge${n}` as RougeType);
    for (const { mean } of Object.values(one(text, text, types))) expect(triple(mean)).toEqual([1, 1, 1]);
    expect(triple(one("one two", "one two", ["rouge3"]).rouge3.mean)).toEqual([0, 0, 0]);
  });

  test("of several references the best F counts, of equals the first", () => {
    const { rouge1 } = one("a b c", ["a x y z", "a b c d", "b c d a"], ["rouge1"]);
    expect(triple(rouge1.perPair[0])).toEqual([1, 0.75, 6 / 7]);
  });

  test("rougeLsum unites sentences, but counts no token twice", () => {
    // Both predicted sentences find "a", which the reference has once
    const { rougeLsum } = one("a x\na y", "a b", ["rougeLsum"]);
    expect(triple(rougeLsum.mean)).toEqual([0.25, 0.5, 1 / 3]);
    expect(triple(one("a b\n\nc d", "c d\na b", ["rougeLsum"]).rougeLsum.mean)).toEqual([1, 1, 1]);
  });

  test.each(["", "   ", "\n\n", "。！", "北京", "ß"])(
    "nothing to count in %j gives 0, as the original",
    (text) => {
      for (const { mean } of Object.values(rouge([text, "a"], ["a", text])))
        expect(triple(mean)).toEqual([0, 0, 0]);
      for (const { mean } of Object.values(rouge([text], [text]))) expect(triple(mean)).toEqual([0, 0, 0]);
    },
  );

  test("the trap: without a tokenizer Chinese loses everything but Latin letters and digits", () => {
    const [prediction, reference] = ["我爱北京2008", "他在上海2008"];
    expect(one(prediction, reference, ["rouge1"]).rouge1.mean.fmeasure).toBe(1);
    const characters = rouge([prediction], [reference], {
      types: ["rouge1", "rougeL"],
      tokenizer: "characters",
    });
    expect(triple(characters.rouge1.mean)).toEqual([0.2, 0.2, 0.20000000000000004]);
    const same = rouge([reference], [reference], { tokenizer: "characters" });
    expect(same.rougeLsum.mean.fmeasure).toBe(1);
  });

  test("characters keeps words of other scripts whole; a function may tokenize", () => {
    const tokens = rouge(["Café iPhone６手机ですか"], ["café iphone６手機ですか"], {
      types: ["rouge1"],
      tokenizer: "characters",
    });
    expect(tokens.rouge1.mean.precision).toBeCloseTo(6 / 7, 12);
    const spaces = rouge(["a-b c"], ["a-b d"], { types: ["rouge1"], tokenizer: (text) => text.split(" ") });
    expect(spaces.rouge1.mean.precision).toBe(0.5);
  });

  test("bootstrap: one pair has no spread; the seed decides", () => {
    const { rouge1 } = rouge(["a b"], ["a c"], { bootstrap: 20 });
    expect(rouge1.bootstrap).toEqual({ low: rouge1.mean, mid: rouge1.mean, high: rouge1.mean });
    const run = (seed: number) =>
      rouge(["a", "b", "c d"], ["a", "c", "d"], { bootstrap: 9, seed }).rouge1.bootstrap;
    expect(run(3)).toEqual(run(3));
    expect(run(3)).not.toEqual(run(4));
  });

  test.each([
    ["no pairs", [[], []], "predictions must hold at least one text"],
    ["lengths", [["a"], []], "references must have length 1, got 0"],
    ["no reference", [["a"], [[]]], "references[0] must hold at least one text"],
    ["type", [["a"], ["a"], { types: ["rouge0"] }], 'rouge1 to rouge9, rougeL or rougeLsum, got "rouge0"'],
    ["rouge10", [["a"], ["a"], { types: ["rouge10"] }], 'got "rouge10"'],
    ["no types", [["a"], ["a"], { types: [] }], "types must name at least one type"],
    [
      "stemmer",
      [["a"], ["a"], { useStemmer: true, tokenizer: "characters" }],
      "useStemmer must be false with",
    ],
    ["stemmer kind", [["a"], ["a"], { useStemmer: "en" }], 'useStemmer must be true or false, got "en"'],
    [
      "tokenizer",
      [["a"], ["a"], { tokenizer: "words" }],
      'tokenizer must be "rouge", "characters" or a function',
    ],
    [
      "its result",
      [["a"], ["a"], { tokenizer: () => "ab" }],
      'tokenizer must return an array of strings, got "ab"',
    ],
    [
      "bootstrap",
      [["a"], ["a"], { bootstrap: -1 }],
      "bootstrap must be true, false or a number of resamples",
    ],
    ["seed", [["a"], ["a"], { seed: 0.5 }], "seed must be an integer"],
  ])("misuse: %s", (_, args, part) => {
    expectRefusal(() => rouge(...(args as unknown as Parameters<typeof rouge>)), part);
  });
});

describe("splitSentences", () => {
  test.each([
    [
      "Dr. Wu arrived. It was 3.14 p.m. or so. Really?!  Yes.",
      ["Dr. Wu arrived.", "It was 3.14 p.m. or so.", "Really?!", "Yes."],
    ],
    ["他来了。“真的吗？”她问！好……吧", ["他来了。", "“真的吗？”", "她问！", "好……吧"]],
    ["He said “Stop!” Then J. S. Bach left.", ["He said “Stop!”", "Then J. S. Bach left."]],
    ["Wait... what? e.g. this", ["Wait... what? e.g. this"]],
    ["line one\nline two\n\n", ["line one", "line two"]],
    ["no end", ["no end"]],
    ["Mixed 中文。English. 再见", ["Mixed 中文。", "English.", "再见"]],
    ["", []],
    [" \n ", []],
  ])("%j", (text, sentences) => {
    expect(splitSentences(text)).toEqual(sentences);
  });

  test("long runs of marks and spaces take linear time", () => {
    const run = `${". ".repeat(50_000)}${"!".repeat(50_000)}${" ".repeat(50_000)}x`;
    expect(splitSentences(run).join("").replaceAll(" ", "")).toBe(run.replaceAll(" ", ""));
  });

  test("misuse", () => {
    expectRefusal(() => splitSentences(3 as never), "splitSentences: text must be a string, got 3");
  });
});
