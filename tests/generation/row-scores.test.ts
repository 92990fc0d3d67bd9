import { expect, test } from "@jest/globals";
import { topCandidates } from "../../src/generation/row-scores.js";

const places = (found: ReturnType<typeof topCandidates>) => found.map(({ parent, token }) => [parent, token]);

test("equal scores: the smaller token of a hypothesis, the earlier of two hypotheses, whatever the order they are given in", () => {
  const rows = [
    { ids: Int32Array.of(7, 2, 9), scores: Float32Array.of(-1, -1, -2) },
    { ids: Int32Array.of(4, 1, 3), scores: Float32Array.of(0, -1, 0) },
  ];
  const totals = [0, -1];
  expect(places(topCandidates(rows, totals, 1))).toEqual([[0, 2]]);
  expect(places(topCandidates(rows, totals, 3))).toEqual([
    [0, 2],
    [0, 7],
    [1, 3],
  ]);
  expect(places(topCandidates(rows, totals, 6))).toEqual([
    [0, 2],
    [0, 7],
    [1, 3],
    [1, 4],
    [0, 9],
    [1, 1],
  ]);
});

test("what is forbidden is never taken, all of a row may be given without ids, NaN counts for nothing", () => {
  const forbidden = Number.NEGATIVE_INFINITY;
  const rows = [{ scores: Float32Array.of(forbidden, 1, Number.NaN, 3) }, { scores: Float32Array.of(2) }];
  expect(topCandidates(rows, [0.5, forbidden], 4)).toEqual([
    { parent: 0, token: 3, tokenScore: 3, score: 3.5 },
    { parent: 0, token: 1, tokenScore: 1, score: 1.5 },
  ]);
});
