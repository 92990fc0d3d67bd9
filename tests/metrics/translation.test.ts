// BLEU, chrF and TER against sacrebleu 2.6.0.
import { describe, expect, test } from "@jest/globals";
import { bleuTokenizer } from "../../src/metrics/bleu-tokenizers.js";
import { bleu, chrf, sentenceBleu, sentenceChrf, sentenceTer, ter } from "../../src/metrics/index.js";
import { camelOptions, Differences, expectRefusal, fixture } from "./support.js";

type ReferenceSets = (string | null)[][];

interface Corpus {
  name: string;
  hypotheses: string[];
  references: ReferenceSets;
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  [metric: string]: any;
}

const { corpora, tokenized }: { corpora: Corpus[]; tokenized: Record<string, string>[] } =
  fixture("translation");
const extra = fixture("extra");
const TOKENIZERS = ["13a", "intl", "zh", "char", "none"] as const;

function ownReferences(references: ReferenceSets, sentence: number): string[] {
  return references.map((set) => set[sentence]).filter((text) => text !== null);
}

describe("sacrebleu 2.6.0", () => {
  test("tokenized strings are equal", () => {
    const lines = [
      ...tokenized,
      ...extra.translation.map((c: Corpus) => ({ text: c.hypotheses[0], ...c.tokenized })),
    ];
    expect(lines.length).toBeGreaterThan(150);
    for (const line of lines) {
      for (const name of TOKENIZERS)
        expect([name, bleuTokenizer("bleu", name)(line.text)]).toEqual([name, line[name]]);
    }
  });

  test("BLEU: 15 sets of options over 32 corpora, with counts", () => {
    const differences = new Differences();
    for (const { name, hypotheses, references, bleu: expected } of corpora) {
      for (const { options, score, counts, totals, precisions, bp, sys_len, ref_len } of expected) {
        const where = `${name} ${JSON.stringify(options)}`;
        const got = bleu(hypotheses, references, camelOptions(options));
        differences.addAll(where, [got.score, got.bp, got.sysLen, got.refLen], [score, bp, sys_len, ref_len]);
        differences.addAll(`${where} counts`, got.counts, counts);
        differences.addAll(`${where} totals`, got.totals, totals);
        differences.addAll(`${where} precisions`, got.precisions, precisions);
      }
    }
    differences.expectNone(32 * 15 * 4);
  });

  test("sentence BLEU, chrF, chrF++ and TER", () => {
    const differences = new Differences();
    for (const corpus of corpora) {
      const { name, hypotheses, references } = corpus;
      const each = (where: string, scores: number[], score: (text: string, own: string[]) => number) => {
        const got = hypotheses.map((text, i) => score(text, ownReferences(references, i)));
        differences.addAll(`${name} ${where}`, got, scores);
      };
      for (const { options, scores } of corpus.sentence_bleu) {
        each(
          JSON.stringify(options),
          scores,
          (text, own) => sentenceBleu(text, own, camelOptions(options)).score,
        );
      }
      for (const { options, score, sentence_scores } of corpus.chrf) {
        const camel = camelOptions(options);
        differences.add(
          `${name} chrf ${JSON.stringify(options)}`,
          chrf(hypotheses, references, camel).score,
          score,
        );
        each("chrf", sentence_scores, (text, own) => sentenceChrf(text, own, camel).score);
      }
      for (const { options, score, num_edits, ref_length, sentence_scores } of corpus.ter ?? []) {
        const camel = camelOptions(options);
        const got = ter(hypotheses, references, camel);
        const where = `${name} ter ${JSON.stringify(options)}`;
        differences.addAll(where, [got.score, got.numEdits, got.refLength], [score, num_edits, ref_length]);
        each("ter", sentence_scores, (text, own) => sentenceTer(text, own, camel).score);
      }
    }
    differences.expectNone(2000);
  });

  test("generated texts in many scripts, options drawn at random, signatures", () => {
    const differences = new Differences();
    const corpusScores = { bleu, chrf, ter };
    const sentenceScores = { bleu: sentenceBleu, chrf: sentenceChrf, ter: sentenceTer };
    for (const { hypotheses, references, scores } of extra.translation as Corpus[]) {
      for (const { metric, options, score, sentence_scores, signature } of scores) {
        const camel = camelOptions(options);
        const name = metric as keyof typeof corpusScores;
        const got = corpusScores[name](hypotheses, references, camel);
        expect(got.signature).toBe(signature);
        differences.add(`${metric} ${JSON.stringify({ options, hypotheses, references })}`, got.score, score);
        const each = hypotheses.map(
          (text, i) => sentenceScores[name](text, ownReferences(references, i), camel).score,
        );
        differences.addAll(`${metric} sentences`, each, sentence_scores);
      }
    }
    differences.expectNone(120 * 6);
  });
});

describe("degenerate texts", () => {
  test("empty hypotheses score 0 and need every edit", () => {
    expect(bleu(["", ""], [["a b c d", "e f g"]])).toMatchObject({ score: 0, bp: 0, sysLen: 0, refLen: 7 });
    expect(chrf([""], [["a"]]).score).toBe(0);
    expect(ter([""], [["a b"]])).toMatchObject({ score: 100, numEdits: 2, refLength: 2 });
  });

  test("empty on both sides", () => {
    expect(bleu([""], [[""]])).toMatchObject({ score: 0, bp: 1, sysLen: 0, refLen: 0 });
    expect(chrf([""], [[""]]).score).toBe(0);
    expect(ter([""], [[""]]).score).toBe(0);
    expect(ter(["a"], [[""]]).score).toBe(100);
  });

  test("one word: BLEU needs effective order to be anything but 0", () => {
    expect(bleu(["a"], [["a"]]).score).toBe(0);
    expect(sentenceBleu("a", ["a"]).score).toBeCloseTo(100, 9);
  });

  test("missing references, and a varying number in the signature", () => {
    const score = bleu(
      ["a b c d", "e f g h"],
      [
        ["a b c d", "e f g h"],
        [null, "x"],
      ],
    );
    expect(score.score).toBeCloseTo(100, 9);
    expect(score.signature).toBe("nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
    expect(bleu(["a"], [["a"], [undefined]]).signature).toContain("nrefs:1|");
  });

  test("references are tokenized twice, as in the reference", () => {
    const text = "\u0452's\r\n x";
    expect(sentenceTer("a b", [text], { normalized: true })).toMatchObject({ numEdits: 3, refLength: 3 });
    expect(sentenceTer(text, ["a b"], { normalized: true })).toMatchObject({ numEdits: 2, refLength: 2 });
  });

  test("very different lengths: the band around the diagonal decides, as in the reference", () => {
    const long = Array.from({ length: 300 }, (_, i) => `w${i}`).join(" ");
    expect(sentenceTer(long, ["w7"])).toMatchObject({ numEdits: 299, refLength: 1 });
    expect(sentenceTer("w7", [long])).toMatchObject({ numEdits: 300, refLength: 300 }); // out of the band
    expect(sentenceTer("w200", [long])).toMatchObject({ numEdits: 299, refLength: 300 });
  });
});

describe("misuse", () => {
  const corpus = (...args: unknown[]) => bleu(...(args as Parameters<typeof bleu>));

  test.each([
    ["no corpus", () => corpus([], [[]]), "bleu: hypotheses must hold at least one text, got []"],
    ["a string", () => corpus("abc", [["abc"]]), "hypotheses must be an array of strings"],
    ["null hypothesis", () => corpus([null], [["a"]]), "hypotheses[0] must be a string, got null"],
    ["no sets", () => corpus(["a"], []), "at least one reference set"],
    ["flat references", () => corpus(["a"], ["a"]), 'references[0] must be an array of strings, got "a"'],
    ["a short set", () => corpus(["a", "b"], [["a"]]), "references[0] must have length 2, got 1"],
    ["no reference", () => corpus(["a"], [[null]]), "needs a reference, got none for hypothesis 0"],
    ["a number", () => corpus(["a"], [[1]]), "references[0][0] must be a string or null, got 1"],
    ["ja-mecab", () => corpus(["a"], [["a"]], { tokenize: "ja-mecab" }), "need a dictionary or model"],
    [
      "spm",
      () => corpus(["a"], [["a"]], { tokenize: "spm" }),
      'segment the texts first and pass tokenize: "none"',
    ],
    ["tokenizer", () => corpus(["a"], [["a"]], { tokenize: "toString" }), 'got "toString"'],
    ["smoothing", () => corpus(["a"], [["a"]], { smooth: "linear" }), 'smooth must be one of "exp"'],
    [
      "value",
      () => corpus(["a"], [["a"]], { smoothValue: -1 }),
      "smoothValue must be a number of at least 0, got -1",
    ],
    [
      "order",
      () => corpus(["a"], [["a"]], { maxNgramOrder: 0 }),
      "maxNgramOrder must be an integer from 1 to 16",
    ],
    ["flag", () => corpus(["a"], [["a"]], { lowercase: "no" }), 'lowercase must be true or false, got "no"'],
    [
      "seed",
      () => corpus(["a"], [["a"]], { seed: -1 }),
      "seed must be an integer from 0 to 4294967295, got -1",
    ],
    ["resamples", () => corpus(["a"], [["a"]], { bootstrap: 1.5 }), "bootstrap must be an integer"],
    ["chrF beta", () => chrf(["a"], [["a"]], { beta: Number.NaN }), "chrf: beta must be a number"],
    [
      "chrF order",
      () => chrf(["a"], [["a"]], { charOrder: 0 }),
      "chrf: charOrder must be an integer from 1 to 32",
    ],
    [
      "TER flag",
      () => ter(["a"], [["a"]], { noPunct: 1 as never }),
      "ter: noPunct must be true or false, got 1",
    ],
    [
      "sentence",
      () => sentenceBleu("a", "a" as never),
      "sentenceBleu: references must be an array of strings",
    ],
    ["no references", () => sentenceChrf("a", []), "sentenceChrf: references must hold at least one text"],
    [
      "not a text",
      () => sentenceTer(1 as never, ["a"]),
      "sentenceTer: hypotheses[0] must be a string, got 1",
    ],
  ])("%s", (_, run, part) => {
    expectRefusal(run, part);
  });
});
