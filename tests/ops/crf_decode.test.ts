import { describe, expect, test } from "@jest/globals";
import { crfDecode } from "../../src/tensor/ops/crf.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { crfBestPath } from "../support/crf.js";
import {
  expectClose,
  expectCode,
  fixtureCases,
  fixtureTolerance,
  randomData,
  randomIntegers,
} from "../support/ops.js";
import { int32, offsetsOf, ragged } from "../support/ragged.js";

const cases = (await fixtureCases("crf")).map((c) => [c.case, c] as const);

describe("crf_decode against the enumeration of every path", () => {
  test.each(cases)("%s", (_, c) => {
    scope(() => {
      const of = (name: string) => c.tensors.get(name)!;
      const given = (name: string) => tensor(of(name).data as Float32Array, of(name).shape);
      const lengths = of("lengths").data;
      const tags = of("start").shape[0];
      const rows = ragged(of("emissions").data, lengths, tags);
      const scores = { transitions: given("transitions"), start: given("start"), end: given("end") };
      const emissions = tensor(rows, [rows.length / tags, tags]);
      const found = crfDecode(emissions, int32(offsetsOf(lengths)), scores);
      expect(found.tags.dtype).toBe("i32");
      expect([...found.tags.dataSync()]).toEqual(ragged(of("best_path").data, lengths, 1));
      expectClose(found.scores.dataSync(), of("best_score").data, fixtureTolerance(c), "scores");
    });
  });
});

interface Scores {
  emissions: Float32Array;
  transitions: Float32Array;
  start: Float32Array;
  end: Float32Array;
}

function decoded(lengths: number[], tags: number, s: Scores) {
  return scope(() => {
    const offsets = offsetsOf(lengths);
    const scores = {
      transitions: tensor(s.transitions, [tags, tags]),
      start: tensor(s.start, [tags]),
      end: tensor(s.end, [tags]),
    };
    const emissions = tensor(s.emissions, [offsets[lengths.length], tags]);
    const found = crfDecode(emissions, int32(offsets), scores);
    return { path: [...found.tags.dataSync()], scores: found.scores.dataSync() };
  });
}

const lengthLists = [[], [0], [1], [4, 0, 1, 7], [300], Array.from({ length: 40 }, (_, i) => i % 7)];

describe("crf_decode", () => {
  test.each(lengthLists.flatMap((lengths) => [1, 2, 5, 33].map((tags) => [lengths, tags] as const)))(
    "lengths %j of %d tags: the path and score of float64",
    (lengths, tags) => {
      const rows = lengths.reduce((sum, length) => sum + length, 0);
      const s = {
        emissions: randomData([rows, tags], 1, 2),
        transitions: randomData([tags, tags], 2),
        start: randomData([tags], 3),
        end: randomData([tags], 4),
      };
      const wanted = crfBestPath({ ...s, offsets: offsetsOf(lengths), tags });
      const found = decoded([...lengths], tags, s);
      expect(found.path).toEqual(wanted.path);
      expectClose(found.scores, wanted.scores, 2e-6, "scores");
    },
  );

  test("scores of small integers tie often: the smaller tag is taken", () => {
    const [lengths, tags] = [[6, 1, 9, 4, 12], 4];
    for (let seed = 1; seed <= 20; seed++) {
      const draw = (count: number, at: number) =>
        Float32Array.from(randomIntegers([count], 10 * seed + at, 0, 3));
      const s = {
        emissions: draw(32 * tags, 1),
        transitions: draw(tags * tags, 2),
        start: draw(tags, 3),
        end: draw(tags, 4),
      };
      const wanted = crfBestPath({ ...s, offsets: offsetsOf(lengths), tags });
      expect([seed, decoded(lengths, tags, s).path]).toEqual([seed, wanted.path]);
    }
    const flat = (n: number) => new Float32Array(n);
    const even = { emissions: flat(12), transitions: flat(9), start: flat(3), end: flat(3) };
    expect(decoded([4], 3, even).path).toEqual([0, 0, 0, 0]);
  });

  test("no forbidden transition is on the path; where every path is forbidden the score says so", () => {
    const s = {
      emissions: Float32Array.of(5, 0, 0, 5, 5, 0),
      transitions: Float32Array.of(0, Number.NEGATIVE_INFINITY, 0, 0),
      start: new Float32Array(2),
      end: new Float32Array(2),
    };
    const { path, scores } = decoded([3], 2, s);
    expect([path, [...scores]]).toEqual([[0, 0, 0], [10]]);
    s.transitions.fill(Number.NEGATIVE_INFINITY);
    const none = decoded([3], 2, s);
    expect(none.path.every((tag) => tag === 0 || tag === 1)).toBe(true);
    expect([...none.scores]).toEqual([Number.NEGATIVE_INFINITY]);
  });

  test("misuse", () => {
    const scores = {
      transitions: tensor([0, 0, 0, 0], [2, 2]),
      start: tensor([0, 0], [2]),
      end: tensor([0, 0, 0], [3]),
    };
    expectCode(
      () => crfDecode(tensor([1, 2], [1, 2]), int32([0, 1]), scores),
      "ERR_SHAPE",
      "crf_decode: end must be (2), got (3)",
    );
    expectCode(
      () => crfDecode(tensor([1, 2], [1, 2]), int32([0, 2]), { ...scores, end: scores.start }),
      "ERR_ARGUMENT",
      "offsets must end at the number of rows 1, got 2",
    );
  });
});
