// The cache against attention over whole sequences: every hypothesis, however it was forked, must see what it would
// see if its past were computed anew.
import { afterEach, describe, expect, test } from "@jest/globals";
import { type CacheSequence, KeyValueCache } from "../../src/nn/key-value-cache.js";
import { RowPool } from "../../src/nn/row-pool.js";
import { attention } from "../../src/tensor/ops/attention.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../support/random.js";

const heads = 2;
const width = 8;

/** Query, key and value of a token: what a layer without context would make of it. */
function projected(token: number, part: number): Float32Array {
  return randomData([width], 31 * token + part, 1);
}

function stacked(tokens: readonly number[], part: number) {
  const data = new Float32Array(tokens.length * width);
  tokens.forEach((token, i) => {
    data.set(projected(token, part), i * width);
  });
  return tensor(data, [tokens.length, width], { device: "cpu" });
}

/** The last row of causal attention over all tokens. */
function expectedRow(tokens: readonly number[], relative?: ReturnType<typeof tensor>): number[] {
  return scope(() => {
    const offsets = tensor([0, tokens.length], [2], { dtype: "i32", device: "cpu" });
    const parts = [0, 1, 2].map((part) => stacked(tokens, part));
    const relativeBias = relative ? { table: relative, bidirectional: false, maxDistance: 8 } : null;
    const y = attention(parts[0], parts[1], parts[2], { heads, offsets, causal: true, relativeBias });
    return Array.from(y.slice(tokens.length - 1, tokens.length).dataSync());
  });
}

interface Hypothesis {
  sequence: CacheSequence;
  tokens: number[];
}

let cache: KeyValueCache | undefined;
afterEach(() => cache?.dispose());

/** Runs a step with these new tokens; gives each hypothesis's last row. */
function step(hypotheses: Hypothesis[], added: number[][], relative?: ReturnType<typeof tensor>): number[][] {
  return noGrad(() =>
    scope(() => {
      const c = cache as KeyValueCache;
      c.begin(
        hypotheses.map(({ sequence }) => sequence),
        added.map((tokens) => tokens.length),
      );
      const flat = added.flat();
      const parts = [0, 1, 2].map((part) => stacked(flat, part));
      const relativeBias = relative ? { table: relative, bidirectional: false, maxDistance: 8 } : null;
      const y = c.lastTokens(c.selfAttention(0, parts[0], parts[1], parts[2], { heads, relativeBias }));
      const data = y.dataSync();
      const positions = Array.from(c.positionIds.dataSync());
      c.end();
      expect(positions).toEqual(
        hypotheses.flatMap(({ tokens }, i) => added[i].map((_, j) => tokens.length + j)),
      );
      hypotheses.forEach((hypothesis, i) => {
        hypothesis.tokens.push(...added[i]);
      });
      return hypotheses.map((_, i) => Array.from(data.slice(i * width, (i + 1) * width)));
    }),
  );
}

function expectClose(found: number[][], hypotheses: Hypothesis[], relative?: ReturnType<typeof tensor>) {
  found.forEach((row, i) => {
    const expected = expectedRow(hypotheses[i].tokens, relative);
    row.forEach((value, j) => {
      expect(Math.abs(value - expected[j])).toBeLessThan(2e-6);
    });
  });
}

function fork({ sequence, tokens }: Hypothesis): Hypothesis {
  return { sequence: sequence.fork(), tokens: [...tokens] };
}

describe("self-attention", () => {
  test.each([
    ["plain", undefined],
    ["with T5's relative bias", randomData([6, heads], 5)],
  ])("prompts, steps and forks see what whole sequences see, %s", (_, values) => {
    const table = values ? tensor(values, [6, heads], { device: "cpu" }) : undefined;
    cache = new KeyValueCache({ layers: 1, width, rows: 2 });
    const [a, b] = cache.admit([0, 0]);
    let beams: Hypothesis[] = [
      { sequence: cache.start(a), tokens: [] },
      { sequence: cache.start(b), tokens: [] },
    ];
    expectClose(step(beams, [[3, 1, 4, 1, 5], [9]], table), beams, table);
    beams = [fork(beams[0]), beams[0], beams[1], fork(beams[1])];
    expectClose(step(beams, [[2], [6], [5], [3]], table), beams, table);
    // A reorder: the second hypothesis twice, the first ends.
    beams = [fork(beams[1]), beams[1], beams[3]];
    expectClose(step(beams, [[5], [8], [9]], table), beams, table);
    // Several tokens behind a past, beside a single one.
    expectClose(step(beams, [[7, 9, 3], [2], [3, 8]], table), beams, table);
    table?.dispose();
  });

  test("a fork shares the rows of its past", () => {
    cache = new KeyValueCache({ layers: 1, width });
    const first: Hypothesis = { sequence: cache.start(cache.admit([0])[0]), tokens: [] };
    step([first], [[1, 2, 3, 4]]);
    const beams = [first, fork(first), fork(first)];
    step(beams, [[5], [6], [7]]);
    expect(cache.rows.used).toBe(4 + 3);
  });

  test("rows of hypotheses that ended are found before the pool grows, and a source's are freed", () => {
    cache = new KeyValueCache({ layers: 1, width, rows: 8, maxRows: 8 });
    const [a, b] = cache.admit([0, 0]);
    const first: Hypothesis = { sequence: cache.start(a), tokens: [] };
    const other: Hypothesis = { sequence: cache.start(b), tokens: [] };
    step([first, other], [[1, 2], [8]]);
    const ended = fork(first);
    step([first, ended], [[3], [4]]);
    ended.sequence.drop();
    step([first, other], [[5], [6]]);
    expect(cache.rows.used).toBe(7);
    expectClose(step([first, other], [[7], [9]]), [first, other]); // the row of `ended`
    expect(cache.rows).toEqual({ used: 8, capacity: 8 });
    expect(() => step([first], [[1]])).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_MEMORY" }));
    cache.release(b);
    cache.release(b);
    expect(cache.rows.used).toBe(5);
    expectClose(step([first], [[1]]), [first]);
    expect(() => cache?.start(b)).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
  });
});

describe("cross-attention", () => {
  test("hypotheses of one source share its rows", () => {
    cache = new KeyValueCache({ layers: 1, width, maxRows: 64 });
    const c = cache;
    const source = [
      [11, 12, 13],
      [14, 15, 16, 17, 18],
    ];
    const found = noGrad(() =>
      scope(() => {
        const places = c.admit(source.map((tokens) => tokens.length));
        c.writeCross(0, stacked(source.flat(), 1), stacked(source.flat(), 2));
        const [later] = c.admit([1]);
        c.writeCross(0, stacked([19], 1), stacked([19], 2));
        c.release(places[0]);
        const sequences = [c.start(places[1]), c.start(places[1]), c.start(later)];
        c.begin(sequences);
        return c.crossAttention(0, stacked([1, 2, 3], 0), { heads }).dataSync();
      }),
    );
    const expected = scope(() => {
      const keys = [...source[1], 19];
      const offsets = tensor([0, 2, 3], [3], { dtype: "i32", device: "cpu" });
      const keyOffsets = tensor([0, 5, 6], [3], { dtype: "i32", device: "cpu" });
      const options = { heads, offsets, keyOffsets };
      return attention(stacked([1, 2, 3], 0), stacked(keys, 1), stacked(keys, 2), options).dataSync();
    });
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(2e-6);
    });
  });

  test("a source gets rows side by side or none: gaps may be too short", () => {
    cache = new KeyValueCache({ layers: 1, width, maxRows: 10 });
    const [first] = cache.admit([4]);
    cache.admit([4]);
    cache.release(first);
    const c = cache;
    expect(() => c.admit([6])).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_MEMORY" }));
    expect(c.admit([2, 2, 2]).map(({ crossBegin }) => crossBegin)).toEqual([0, 2, 8]);
  });

  test("misuse has codes", () => {
    cache = new KeyValueCache({ layers: 1, width, maxRows: 4 });
    const c = cache;
    expect(() => c.admit([5])).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_MEMORY" }));
    c.admit([2]);
    expect(() => noGrad(() => c.writeCross(0, stacked([1], 1), stacked([1], 2)))).toThrow(
      expect.objectContaining({ code: "ERR_SHAPE" }),
    );
    expect(() => c.positionIds).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
    expect(() => new KeyValueCache({ layers: 0, width })).toThrow("layers must be an integer from 1");
    c.begin([c.start(c.admit([0])[0])]);
    const x = stacked([1], 0);
    expect(() => c.selfAttention(0, x, x, x, { heads })).toThrow("call it within noGrad");
    c.dispose();
    c.dispose();
    expect(() => c.admit([1])).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
  });
});

test("a pool hands out the lowest rows and takes them back in any order", () => {
  const pool = new RowPool(10);
  expect(pool.take(3)).toEqual(Int32Array.of(0, 1, 2));
  expect(pool.takeRange(4)).toBe(3);
  expect(pool.take(4)).toBeUndefined();
  pool.give([2, 0]);
  expect(pool.free).toBe(5);
  expect(pool.take(3)).toEqual(Int32Array.of(0, 2, 7));
  pool.giveRange(3, 4);
  expect(pool.takeRange(5)).toBeUndefined();
  pool.give([7, 2]);
  expect(pool.takeRange(9)).toBeUndefined();
  expect(pool.takeRange(8)).toBe(2);
  pool.extend(12);
  expect(pool.take(2)).toEqual(Int32Array.of(10, 11));
});
