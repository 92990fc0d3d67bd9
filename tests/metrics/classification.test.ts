// Classification against scikit-learn 1.9.1, correlations against SciPy 1.17.1, perplexity against torch 2.13.0.
import { describe, expect, test } from "@jest/globals";
import {
  accuracy,
  confusionMatrix,
  expectedCalibrationError,
  f1,
  glue,
  matthewsCorrelation,
  pearson,
  perplexity,
  precision,
  recall,
  spearman,
} from "../../src/metrics/index.js";
import { camelOptions, Differences, type Expected, errorOf, expectRefusal, fixture } from "./support.js";

const { classification, regression } = fixture("classification");
const extra = fixture("extra");
const averaged = { f1, precision, recall };
type Averaged = keyof typeof averaged;

describe("scikit-learn 1.9.1", () => {
  test("accuracy, Matthews, F1, precision, recall under every average", () => {
    const differences = new Differences(1e-12);
    for (const { name, labels, predictions, accuracy: share, matthews, ...scores } of classification) {
      differences.add(`${name} accuracy`, accuracy(predictions, labels), share);
      differences.add(`${name} Matthews`, matthewsCorrelation(predictions, labels), matthews);
      for (const [key, value] of Object.entries(scores) as [string, number][]) {
        const [metric, average = "binary"] = key.split("_") as [Averaged, "binary"?];
        differences.add(`${name} ${key}`, averaged[metric](predictions, labels, { average }), value);
      }
    }
    differences.expectNone(250);
  });

  test("chosen labels and positive classes, names as labels, and what it refuses", () => {
    const differences = new Differences(1e-12);
    for (const { labels, predictions, scores, matthews, confusion } of extra.classification) {
      differences.add("Matthews", matthewsCorrelation(predictions, labels), matthews);
      expect(confusionMatrix(predictions, labels).matrix).toEqual(confusion);
      for (const { name, value, ...options } of scores) {
        const run = () => averaged[name as Averaged](predictions, labels, camelOptions(options));
        if (value === "error") expect(errorOf(run).code).toBe("ERR_ARGUMENT");
        else differences.add(JSON.stringify({ labels, predictions, name, options }), run(), value);
      }
    }
    differences.expectNone(600);
  });
});

describe("SciPy 1.17.1", () => {
  test("Pearson and Spearman, ties and constants included", () => {
    const differences = new Differences();
    const correlations = { pearson, spearman };
    for (const { name, predictions, labels, ...scores } of regression) {
      for (const [metric, value] of Object.entries(scores) as ["pearson" | "spearman", string | number][]) {
        const run = () => correlations[metric](predictions, labels);
        if (String(value).startsWith("error")) expectRefusal(run, "at least 2 pairs, got 1");
        else differences.add(`${name} ${metric}`, run(), value as Expected);
      }
    }
    differences.expectNone(30);
  });

  test("numbers so large or small that their squares are not", () => {
    expect(pearson([1e200, 2e200, 4e200], [1e-200, 2e-200, 4e-200])).toBeCloseTo(1, 12);
    expect(spearman(Float32Array.of(3, 1, 2), [30, 10, 20])).toBeCloseTo(1, 12);
  });
});

describe("perplexity", () => {
  const nll = (logits: number[], id: number) => {
    const most = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
    return most + Math.log(sum) - logits[id];
  };

  test("torch 2.13.0: of the corpus and of each sequence", () => {
    const differences = new Differences();
    for (const { logits, ids, mask, loss, perplexity_corpus, perplexity_per_sequence } of fixture(
      "perplexity",
    ).cases) {
      const losses: number[][] = ids.map((row: number[], i: number) =>
        row.slice(1).flatMap((id, t) => (mask[i][t + 1] === 1 ? [nll(logits[i][t], id)] : [])),
      );
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      differences.add("loss", mean(losses.flat()), loss);
      differences.add("corpus", perplexity(mean(losses.flat())), perplexity_corpus);
      differences.addAll(
        "sequences",
        losses.map((own) => perplexity(mean(own))),
        perplexity_per_sequence,
      );
    }
    differences.expectNone(6);
  });

  test("bounds and misuse", () => {
    expect(perplexity(0)).toBe(1);
    expect(perplexity(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expectRefusal(() => perplexity(Number.NaN), "perplexity: meanLoss must be a number");
    expectRefusal(() => perplexity("1" as never), 'meanLoss must be a number, got "1"');
  });
});

describe("expectedCalibrationError", () => {
  test("equation 3 of Guo et al. by hand: bins hold their upper end", () => {
    const rows = [
      [0.55, 0.45],
      [0.6, 0.4],
      [0.25, 0.75],
      [0.1, 0.9],
    ];
    // Bins of a tenth: 0.55 and 0.6 together (one right of two), 0.75 (wrong), 0.9 (right)
    const byHand = (Math.abs(0.55 + 0.6 - 1) + Math.abs(0.75 - 0) + Math.abs(0.9 - 1)) / 4;
    expect(expectedCalibrationError(rows, [0, 1, 0, 1], { bins: 10 })).toBeCloseTo(byHand, 12);
    expect(expectedCalibrationError(rows, [0, 1, 0, 1], { bins: 1 })).toBeCloseTo(Math.abs(2.8 - 2) / 4, 12);
  });

  test("sure and right is 0, sure and wrong is 1; ties go to the first class", () => {
    expect(expectedCalibrationError([[1, 0]], [0])).toBe(0);
    expect(expectedCalibrationError([[1, 0]], [1])).toBe(1);
    expect(expectedCalibrationError([[0.5, 0.5]], [0])).toBe(0.5);
    expect(expectedCalibrationError([[0, 0]], [0])).toBe(1);
  });

  test.each([
    ["nothing", [[], []], "at least one item"],
    ["lengths", [[[1]], [0, 0]], "probabilities must have length 2, got 1"],
    [
      "rows",
      [
        [[1, 0], [1]],
        [0, 0],
      ],
      "probabilities[1] must have length 2, got 1",
    ],
    ["label", [[[1, 0]], [2]], "labels[0] must be an integer from 0 to 1, got 2"],
    ["probability", [[[1.5, 0]], [0]], "probabilities[0][0] must be from 0 to 1, got 1.5"],
    ["bins", [[[1]], [0], { bins: 0 }], "bins must be an integer"],
  ])("misuse: %s", (_, args, part) => {
    expectRefusal(
      () => expectedCalibrationError(...(args as Parameters<typeof expectedCalibrationError>)),
      part,
    );
  });
});

describe("glue", () => {
  const [predictions, labels] = [
    [1, 0, 1, 1, 0],
    [1, 1, 1, 0, 0],
  ];

  test.each(["sst2", "mnli", "mnli_matched", "mnli_mismatched", "qnli", "rte", "wnli", "hans"] as const)(
    "%s: accuracy alone",
    (task) => {
      expect(glue(task, predictions, labels)).toEqual({ accuracy: 0.6 });
    },
  );

  test("cola, mrpc, qqp, stsb", () => {
    expect(glue("cola", predictions, labels)).toEqual({
      matthewsCorrelation: matthewsCorrelation(predictions, labels),
    });
    for (const task of ["mrpc", "qqp"] as const) {
      expect(glue(task, predictions, labels)).toEqual({ accuracy: 0.6, f1: f1(predictions, labels) });
    }
    const [own, gold] = [Float32Array.of(1, 2.5, 3), [0.5, 2, 5]];
    expect(glue("stsb", own, gold)).toEqual({ pearson: pearson(own, gold), spearman: spearman(own, gold) });
  });

  test("misuse", () => {
    expectRefusal(() => glue("sts-b" as never, [1], [1]), 'glue: task must be one of "cola"');
    expectRefusal(() => glue("sst2", [], []), "at least one label");
  });
});

describe("misuse of classification and correlation", () => {
  test.each([
    ["empty", () => accuracy([], []), "accuracy: there must be at least one label"],
    ["lengths", () => f1([1], [1, 0]), "f1: predictions must have length 2, got 1"],
    [
      "NaN",
      () => recall([Number.NaN], [1]),
      "recall: predictions[0] must be a string or a finite number, got NaN",
    ],
    [
      "booleans",
      () => precision([true as never], [1]),
      "precision: predictions[0] must be a string or a finite",
    ],
    [
      "no list",
      () => accuracy(null as never, []),
      "accuracy: predictions must be an array of labels, got null",
    ],
    ["three classes", () => f1([0, 1, 2], [0, 1, 2]), "average must be micro, macro or weighted"],
    ["positive", () => f1(["a", "b"], ["a", "b"]), 'positiveLabel must be "a" or "b", got 1'],
    ["average", () => f1([1], [1], { average: "samples" as never }), 'average must be one of "binary"'],
    [
      "no classes",
      () => f1([1], [1], { average: "macro", labels: [] }),
      "labels must name at least one class",
    ],
    ["matrix", () => confusionMatrix([], []), "confusionMatrix: there must be at least one label"],
    [
      "Pearson text",
      () => pearson(["1" as never, 2], [1, 2]),
      'pearson: predictions[0] must be a finite number, got "1"',
    ],
    [
      "Pearson list",
      () => pearson("12" as never, [1, 2]),
      "pearson: predictions must be an array of numbers",
    ],
    ["Spearman empty", () => spearman([], []), "spearman: there must be at least 1 pairs, got 0"],
    [
      "Spearman infinite",
      () => spearman([1], [Number.POSITIVE_INFINITY]),
      "labels[0] must be a finite number",
    ],
  ])("%s", (_, run, part) => {
    expectRefusal(run, part);
  });
});
