// What the engines are given: batches, and numbers that other languages make too.
import { describe, expect, test } from "@jest/globals";
import * as rows from "../../benchmarks/compare/rows.js";
import { hashed } from "../../benchmarks/engines/tasks.js";

const lengths = Array.from({ length: 1000 }, (_, i) => 1 + ((i * 7919) % 97));
const all = lengths.map((length) => ({ ids: new Array<number>(length).fill(7) }));
const lengthsOf = (batches: rows.TokenRow[][]) => batches.map((batch) => batch.map(({ ids }) => ids.length));

describe("batches", () => {
  test("grouped by length: lots of up to 50 batches, sorted from long to short", () => {
    const batches = rows.groupedBatches(all, 10, 1000);
    expect(batches).toHaveLength(100);
    for (const batch of lengthsOf(batches)) {
      expect(batch).toEqual(batch.toSorted((a, b) => b - a));
    }
    expect(rows.tokensOf(batches.flat())).toBe(rows.tokensOf(all));
    // 1000 rows make lots of 1000 / (10 * 4) = 25 batches: rows of a batch are nearly equal, batches are not.
    const factor = rows.paddingFactor(batches);
    expect(factor).toBeGreaterThan(1);
    expect(factor).toBeLessThan(1.1);
    expect(rows.paddingFactor(rows.randomBatches(all, 10, 1000))).toBeGreaterThan(1.5);
  });

  test("sorted: taken evenly from short to long", () => {
    const [short, middle, long] = lengthsOf(rows.sortedBatches(all, 10, 3));
    expect(Math.max(...short)).toBeLessThan(Math.min(...middle));
    expect(Math.max(...middle)).toBeLessThan(Math.min(...long));
    expect(middle[0]).toBeGreaterThan(40);
    expect(middle[0]).toBeLessThan(60);
  });

  test("the padding factor is padded tokens over real ones", () => {
    const batch = [3, 1, 2].map((length) => ({ ids: new Array<number>(length).fill(7) }));
    expect(rows.paddingFactor([batch])).toBe(9 / 6);
  });

  test("BANKING77's rows come as tokens with labels", async () => {
    const found = await rows.textRows("banking77", "test", undefined);
    expect(found).toHaveLength(3080);
    for (const { ids, label } of found.slice(0, 50)) {
      expect([ids[0], ids.at(-1)]).toEqual([101, 102]);
      expect(label).toBeGreaterThanOrEqual(0);
      expect(label).toBeLessThan(77);
    }
  });
});

test("hashed numbers are those that NumPy makes in benchmarks/peers/torch_ops.py", () => {
  const values = hashed(70001, 1003, 0.05);
  expect([values[0], values[1], values[2], values[70000]]).toEqual([
    -0.005050552077591419, 0.04862502962350845, -0.007469254545867443, -0.03399853780865669,
  ]);
});
