// What must hold for any input, tried with generated ones (fast-check, fixed seed).
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  accuracy,
  bleu,
  chrf,
  f1,
  matthewsCorrelation,
  pearson,
  precision,
  recall,
  rouge,
  sentenceBleu,
  seqeval,
  spearman,
  splitSentences,
  squad,
  ter,
} from "../../src/metrics/index.js";
import { compareCodePoints, formatFixed, splitWords } from "../../src/metrics/python-text.js";

const RUNS = { seed: 20240, numRuns: 150 };
const holds = <T extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
) => fc.assert(fc.property(...(arbitraries as [fc.Arbitrary<T[0]>]), check as never), RUNS);

const word = fc.constantFrom(
  "the",
  "cat",
  "sat",
  "mat",
  "3.5",
  "ÄPFEL",
  "北京",
  "，",
  ".",
  "don't",
  "😀",
  "a-b",
  "&amp;",
);
const sentence = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const anyText = fc.oneof(sentence, fc.string({ unit: "binary", maxLength: 40 }));
const pair = fc.tuple(anyText, anyText);
const pairs = fc.array(pair, { minLength: 1, maxLength: 5 });
const wordy = fc.array(word, { minLength: 4, maxLength: 12 }).map((words) => words.join(" "));
const sides = (list: [string, string][]) => [list.map(([ours]) => ours), list.map(([, theirs]) => theirs)];
const permuted = fc.tuple(pairs, fc.nat()).map(([list, turn]) => {
  const by = turn % list.length;
  return [list, [...list.slice(by), ...list.slice(0, by)].reverse()] as [
    [string, string][],
    [string, string][],
  ];
});

function expectWithin(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most + 1e-9);
}

describe("scores lie within their bounds", () => {
  test("BLEU, chrF, TER", () => {
    const tokenize = fc.constantFrom("13a", "intl", "zh", "char", "none");
    const smooth = fc.constantFrom("exp", "floor", "add-k", "none");
    holds([pairs, tokenize, smooth, fc.boolean()], (list, tokenizer, smoothing, flag) => {
      const [ours, theirs] = sides(list);
      const options = {
        tokenize: tokenizer,
        smooth: smoothing,
        effectiveOrder: flag,
        lowercase: flag,
      } as never;
      const { score, counts, totals, bp } = bleu(ours, [theirs], options);
      expectWithin(score, 0, 100);
      expectWithin(bp, 0, 1);
      counts.forEach((count, n) => {
        expectWithin(count, 0, totals[n]);
      });
      expectWithin(
        chrf(ours, [theirs], { wordOrder: 2, whitespace: flag, epsSmoothing: !flag }).score,
        0,
        100,
      );
      expect(ter(ours, [theirs], { normalized: flag, asianSupport: true }).score).toBeGreaterThanOrEqual(0);
    });
  });

  test("ROUGE", () => {
    holds([pairs, fc.constantFrom("rouge", "characters")], (list, tokenizer) => {
      const [ours, theirs] = sides(list);
      for (const { perPair } of Object.values(rouge(ours, theirs, { tokenizer: tokenizer as "rouge" }))) {
        for (const score of perPair) for (const value of Object.values(score)) expectWithin(value, 0, 1);
      }
    });
  });

  test("seqeval, in every mode", () => {
    const tag = fc.constantFrom("O", "B-A", "I-A", "B-B", "I-B", "I-", "B");
    const tags = fc.array(fc.tuple(tag, tag), { minLength: 1, maxLength: 8 });
    holds(
      [tags, fc.constantFrom("IOB1", "IOB2"), fc.constantFrom("default", "strict")],
      (list, scheme, mode) => {
        const options = { scheme, mode } as Parameters<typeof seqeval>[2];
        const [ours, theirs] = sides(list);
        const { micro, weighted, accuracy: share, types } = seqeval([ours], [theirs], options);
        for (const score of [micro, weighted, ...Object.values(types)]) {
          for (const value of [score.precision, score.recall, score.f1]) expectWithin(value, 0, 1);
        }
        expectWithin(share, 0, 1);
        expect(seqeval([theirs], [theirs], options).accuracy).toBe(1);
      },
    );
  });

  test("classification and correlation", () => {
    const labels = fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 2, maxLength: 12 });
    holds([labels], (list) => {
      const [ours, theirs] = [list.map(([a]) => a), list.map(([, b]) => b)];
      for (const score of [accuracy, f1, precision, recall]) expectWithin(score(ours, theirs), 0, 1);
      expectWithin(matthewsCorrelation(ours, theirs), -1, 1);
      for (const correlation of [pearson, spearman]) {
        const value = correlation(ours, theirs);
        if (!Number.isNaN(value)) expectWithin(value, -1, 1);
      }
    });
  });

  test("SQuAD, English and Chinese; the best threshold is never worse than none", () => {
    const question = fc.tuple(anyText, fc.array(anyText, { maxLength: 3 }), fc.nat(10));
    holds(
      [fc.array(question, { minLength: 1, maxLength: 6 }), fc.constantFrom("en", "zh")],
      (list, language) => {
        const predictions = list.map(([text, , p], i) => ({ id: `${i}`, text, noAnswerProbability: p / 10 }));
        const references = list.map(([, answers], i) => ({ id: `${i}`, answers }));
        const got = squad(predictions, references, { version: 2, language: language as "en" });
        for (const value of [got.exact, got.f1, got.bestExact!, got.bestF1!]) expectWithin(value, 0, 100);
        const answered = { ...got.hasAns };
        if (got.noAns === undefined) expect(got.bestExact! + 1e-9).toBeGreaterThanOrEqual(answered.exact!);
      },
    );
  });
});

describe("identity", () => {
  test("BLEU and chrF give 100, TER 0", () => {
    holds([fc.array(wordy, { minLength: 1, maxLength: 4 })], (texts) => {
      expect(bleu(texts, [texts], { tokenize: "none" }).score).toBeCloseTo(100, 9);
      expect(bleu(texts, [texts]).score).toBeCloseTo(100, 9);
      for (const options of [{}, { wordOrder: 2 }, { epsSmoothing: true, wordOrder: 1 }]) {
        expect(chrf(texts, [texts], options).score).toBeCloseTo(100, 9);
      }
      expect(ter(texts, [texts]).score).toBe(0);
    });
  });

  test("ROUGE, SQuAD and labels give full marks", () => {
    holds([wordy], (text) => {
      const { rouge1 } = rouge([text], [text], {
        types: ["rouge1", "rougeL", "rougeLsum"],
        tokenizer: "characters",
      });
      if (/[\p{L}\p{N}]/u.test(text)) expect(rouge1.mean.fmeasure).toBe(1);
      const got = squad([{ id: "q", text }], [{ id: "q", answers: ["other", text] }], { version: 2 });
      expect([got.exact, got.f1]).toEqual([100, 100]);
      const labels = Array.from(text);
      expect([accuracy(labels, labels), f1(labels, labels, { average: "macro" })]).toEqual([1, 1]);
    });
  });
});

describe("order and references", () => {
  test("the order of the pairs changes no corpus score", () => {
    holds([permuted], ([list, other]) => {
      const [ours, theirs] = sides(list);
      const [ours2, theirs2] = sides(other);
      expect(bleu(ours2, [theirs2])).toEqual(bleu(ours, [theirs]));
      expect(chrf(ours2, [theirs2])).toEqual(chrf(ours, [theirs]));
      expect(ter(ours2, [theirs2])).toEqual(ter(ours, [theirs]));
      const [one, two] = [rouge(ours, theirs), rouge(ours2, theirs2)];
      for (const type of ["rouge1", "rougeLsum"] as const) {
        expect(two[type].mean.fmeasure).toBeCloseTo(one[type].mean.fmeasure, 12);
      }
    });
  });

  test("the order of the reference sets changes nothing for BLEU", () => {
    holds([anyText, anyText, anyText], (text, a, b) => {
      expect(bleu([text], [[a], [b]])).toEqual(bleu([text], [[b], [a]]));
    });
  });

  test("adding a reference never lowers BLEU's clipped counts, and the hypothesis itself makes them full", () => {
    holds([anyText, anyText, anyText], (text, reference, another) => {
      const before = sentenceBleu(text, [reference]);
      const after = sentenceBleu(text, [reference, another]);
      const matching = sentenceBleu(text, [reference, text]);
      before.counts.forEach((count, n) => {
        expect(after.counts[n]).toBeGreaterThanOrEqual(count);
        expect(matching.counts[n]).toBe(matching.totals[n]);
      });
    });
  });

  test("a further reference never worsens chrF, TER edits or ROUGE F", () => {
    holds([anyText, anyText, anyText], (text, reference, another) => {
      const best = (references: string[]) => rouge([text], [references]).rougeL.mean.fmeasure;
      expect(best([reference, another])).toBeGreaterThanOrEqual(best([reference]));
      const edits = (sets: string[][]) => ter([text], sets).numEdits;
      expect(edits([[reference], [another]])).toBeLessThanOrEqual(edits([[reference]]));
      const character = (sets: string[][]) => chrf([text], sets).score;
      expect(character([[reference], [another]])).toBeGreaterThanOrEqual(character([[reference]]) - 1e-9);
    });
  });
});

describe("texts", () => {
  test("sentences keep every character but white space, in order", () => {
    holds([fc.string({ unit: fc.constantFrom(..."aB. !?。！”\n 1…") })], (text) => {
      const bare = (some: string) => splitWords(some).join("");
      expect(bare(splitSentences(text).join(" "))).toBe(bare(text));
    });
  });

  test("code point order is that of the code points", () => {
    const unit = fc.string({
      unit: fc.constantFrom("a", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "é"),
      maxLength: 4,
    });
    holds([unit, unit], (a, b) => {
      const points = (text: string) =>
        Array.from(text, (c) => c.codePointAt(0)!.toString(16).padStart(6, "0")).join();
      const [x, y] = [points(a), points(b)];
      expect(Math.sign(compareCodePoints(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
    });
  });

  test("fixed decimals stay within half a unit of the last place", () => {
    holds([fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.nat(8)], (value, digits) => {
      expect(Math.abs(Number(formatFixed(value, digits)) - value)).toBeLessThanOrEqual(
        0.5000001 * 10 ** -digits + 1e-9,
      );
    });
  });
});
