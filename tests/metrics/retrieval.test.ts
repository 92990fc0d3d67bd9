// Retrieval metrics equal sentence-transformers 6.0.1 (InformationRetrievalEvaluator) and scikit-learn 1.9.1
// (label_ranking_average_precision_score, ndcg_score).
import { expect, test } from "@jest/globals";
import {
  hitRateAtK,
  meanAveragePrecision,
  meanReciprocalRank,
  ndcgAtK,
  precisionAtK,
  recallAtK,
} from "../../src/metrics/index.js";
import { errorOf } from "../data/temporary.js";
import { embeddingCase } from "../embeddings/support.js";

const { ranked, relevant, metrics, sklearn } = embeddingCase.retrieval;

test.each<[string, (ranked: number[][], relevant: number[][], k: number) => number]>([
  ["accuracy@k", hitRateAtK],
  ["precision@k", precisionAtK],
  ["recall@k", recallAtK],
  ["mrr@k", meanReciprocalRank],
  ["map@k", meanAveragePrecision],
  ["ndcg@k", ndcgAtK],
])("%s", (name, metric) => {
  for (const [k, value] of Object.entries(metrics[name])) {
    expect(metric(ranked, relevant, Number(k))).toBeCloseTo(value, 12);
  }
});

test("whole lists, as scikit-learn", () => {
  expect(meanAveragePrecision(ranked, relevant)).toBeCloseTo(sklearn.lrap, 12);
  expect(ndcgAtK(ranked, relevant, 10)).toBeCloseTo(sklearn["ndcg@10"], 12);
});

test("by hand", () => {
  const lists = [["a", "b", "c"], ["d"], ["x", "y"]];
  const wanted = [["c", "z"], ["d"], ["n"]];
  expect(recallAtK(lists, wanted, 3)).toBeCloseTo((0.5 + 1 + 0) / 3, 15);
  expect(meanReciprocalRank(lists, wanted)).toBeCloseTo((1 / 3 + 1 + 0) / 3, 15);
  expect(meanReciprocalRank(lists, wanted, 2)).toBeCloseTo((0 + 1 + 0) / 3, 15);
  expect(hitRateAtK(lists, wanted, 1)).toBeCloseTo(1 / 3, 15);
  expect(precisionAtK(lists, wanted, 2)).toBeCloseTo((0 + 0.5 + 0) / 3, 15);
});

test.each([
  [() => recallAtK([], [], 1), "recallAtK: ranked must hold at least one list, got []"],
  [() => recallAtK([[1]], [], 1), "recallAtK: relevant must have length 1, got 0"],
  [() => ndcgAtK([[1]], [[1]], 0), "ndcgAtK: k must be an integer from 1 to 9007199254740991, got 0"],
  [
    () => meanReciprocalRank([[1]], [[]]),
    "meanReciprocalRank: relevant[0] must hold at least one document, got []",
  ],
  [() => precisionAtK([[1, 1]], [[1]], 2), "precisionAtK: ranked[0] must name each document once, got [1,1]"],
])("%s is refused", async (work, message) => {
  expect(await errorOf(work)).toEqual({ code: "ERR_ARGUMENT", message });
});
