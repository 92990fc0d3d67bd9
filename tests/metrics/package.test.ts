// The sub-path athanor/metrics by itself, and the examples of the doc comments.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import * as metrics from "../../src/metrics/index.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

describe("athanor/metrics", () => {
  test("imports nothing but its own files and the error class", () => {
    const files = readdirSync(`${root}src/metrics`);
    expect(files).toContain("bleu.ts");
    for (const file of files) {
      const source = readFileSync(`${root}src/metrics/${file}`, "utf8");
      for (const [, from] of source.matchAll(/^(?:import|export)[^;]*? from "([^"]+)";$/gms)) {
        expect([file, from]).toEqual([file, expect.stringMatching(/^(\.\/[a-z0-9-]+|\.\.\/errors)\.js$/)]);
      }
    }
  });

  test.each([
    ["import", 'import("athanor/metrics").then((m) => console.log(m.perplexity(0)))'],
    ["require", 'console.log(require("athanor/metrics").perplexity(0))'],
  ])("loads by its name, %s, without the addon", (_, code) => {
    const watched = `process.dlopen = () => { throw new Error("no addon"); }; ${code}`;
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", watched], { cwd: root, encoding: "utf8" });
    expect({ stdout, failed: /Error/.test(stderr) }).toEqual({ stdout: "1\n", failed: false });
  });
});

describe("examples of the doc comments", () => {
  const { bleu, sentenceBleu, chrf, sentenceChrf, ter, sentenceTer, rouge, seqeval, squad, glue } = metrics;
  const { accuracy, f1, precision, recall, matthewsCorrelation, confusionMatrix, pearson, spearman } =
    metrics;
  const macro = { average: "macro" } as const;
  const perfect = [["B-PER", "I-PER", "O"]];
  const question = [{ id: "q", text: "the Denver Broncos" }];

  test.each<[string, number, number]>([
    ["bleu", bleu(["the cat sat on the mat"], [["the cat sat on a mat"]]).score, 53.73],
    ["sentenceBleu", sentenceBleu("the cat", ["the cat sat"]).score, 60.65],
    ["chrf", chrf(["der Hund"], [["ein Hund"]]).score, 31.07],
    ["sentenceChrf", sentenceChrf("ein Hund", ["ein Hund", "der Hund"]).score, 100],
    ["ter", ter(["b a c"], [["a b c"]]).score, 33.33],
    ["sentenceTer", sentenceTer("a b", ["a b c", "a b"]).numEdits, 0],
    ["rouge", rouge(["the cat sat"], ["the cat sat down"]).rougeL.mean.recall, 0.75],
    ["seqeval", seqeval(perfect, perfect).micro.f1, 1],
    ["squad", squad(question, [{ id: "q", answers: ["Denver Broncos"] }], { version: 1 }).exact, 100],
    ["accuracy", accuracy([1, 0, 1], [1, 1, 1]), 0.667],
    ["f1", f1([1, 0, 1], [1, 1, 1]), 0.8],
    ["f1, macro", f1(["a", "b"], ["a", "c"], macro), 0.333],
    ["precision", precision([1, 0, 1], [1, 1, 0]), 0.5],
    ["recall", recall([1, 0, 1], [1, 1, 1]), 0.667],
    ["matthewsCorrelation", matthewsCorrelation([1, 0, 1, 1], [1, 0, 0, 1]), 0.577],
    ["pearson", pearson([1, 2, 4], [2, 3, 5]), 1],
    ["spearman", spearman([1, 2, 3], [10, 20, 15]), 0.5],
    ["glue, accuracy", glue("mrpc", [1, 0, 1], [1, 1, 1]).accuracy, 0.667],
    ["glue, f1", glue("mrpc", [1, 0, 1], [1, 1, 1]).f1, 0.8],
    ["perplexity", metrics.perplexity(Math.log(50)), 50],
    [
      "calibration",
      metrics.expectedCalibrationError(
        [
          [0.9, 0.1],
          [0.2, 0.8],
        ],
        [0, 0],
      ),
      0.45,
    ],
  ])("%s", (_, value, shown) => {
    const places = String(shown).split(".")[1]?.length ?? 9;
    expect(value).toBeCloseTo(shown, places);
  });

  test("confusionMatrix, splitSentences, paired tests", () => {
    expect(confusionMatrix(["a", "b", "b"], ["a", "a", "b"]).matrix).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(metrics.splitSentences("Dr. Wu arrived. 她很高兴。我们也是！")).toHaveLength(3);
    const [system, baseline, references] = [
      ["a b c d", "e f g h"],
      ["a b d c", "f e g h"],
      ["a b c d", "e f g h"],
    ];
    const options = { metric: "chrf", resamples: 20 } as const;
    expect(metrics.pairedBootstrap(system, baseline, [references], options).pValue).toBeLessThanOrEqual(1);
    expect(
      metrics.approximateRandomization(system, baseline, [references], { trials: 20 }).pValue,
    ).toBeGreaterThan(0);
  });
});
