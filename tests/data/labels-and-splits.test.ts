// classLabels, shuffle and split.
import { describe, expect, test } from "@jest/globals";
import { classLabels, shuffle, split } from "../../src/data/index.js";
import { errorOf } from "./temporary.js";

describe("classLabels", () => {
  const labelled = (...values: unknown[]) => values.map((y) => ({ y }));

  test("unique names in order, with the mapping and each row's id", () => {
    const { labels, labelToId, ids } = classLabels(labelled("pos", "neg", "pos", "Zero"), "y");
    expect(labels).toEqual(["Zero", "neg", "pos"]);
    expect(ids).toEqual([2, 1, 2, 0]);
    expect([...labelToId]).toEqual([
      ["Zero", 0],
      ["neg", 1],
      ["pos", 2],
    ]);
  });

  test("numeric labels sort by value, mixed ones by text", () => {
    expect(classLabels(labelled("10", "9", "-1", "0.5"), "y").labels).toEqual(["-1", "0.5", "9", "10"]);
    expect(classLabels(labelled(10, 2, "2", 1), "y")).toMatchObject({
      labels: ["1", "2", "10"],
      ids: [2, 1, 1, 0],
    });
    expect(classLabels(labelled("10", "9", "x"), "y").labels).toEqual(["10", "9", "x"]);
    expect(classLabels(labelled(true, false), "y").labels).toEqual(["false", "true"]);
    expect(classLabels([], "y").labels).toEqual([]);
  });

  test("names such as __proto__ and constructor are labels like any other", async () => {
    expect(classLabels(labelled("constructor", "__proto__"), "y").ids).toEqual([1, 0]);
    const error = await errorOf(() => classLabels([{}], "constructor"));
    expect(error).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining('column "constructor", got none'),
    });
  });

  test.each([
    ["", '""'],
    [undefined, "none"],
    [null, "null"],
    [[1], "[1]"],
    [Number.NaN, "NaN"],
  ])("a row without a label: %p", async (value, came) => {
    const error = await errorOf(() => classLabels(labelled("a", value), "y"));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toBe(`class_labels: row 1 needs a label in column "y", got ${came}`);
  });
});

describe("shuffle", () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

  test("keeps every row, leaves its argument alone, and repeats with its seed", () => {
    const rows = numbers(1000);
    const mixed = shuffle(rows, 7);
    expect(rows).toEqual(numbers(1000));
    expect(mixed).not.toEqual(rows);
    expect(mixed.slice().sort((a, b) => a - b)).toEqual(rows);
    expect(shuffle(rows, 7)).toEqual(mixed);
    expect(shuffle(rows, 8)).not.toEqual(mixed);
    expect(shuffle(rows, 7 + 2 ** 32)).not.toEqual(mixed);
    expect(shuffle([], 1)).toEqual([]);
  });

  test("the order of a seed never changes from release to release", () => {
    expect(shuffle(numbers(10), 42)).toEqual([9, 2, 4, 8, 7, 0, 5, 3, 6, 1]);
    expect(shuffle(numbers(10), Number.MAX_SAFE_INTEGER)).toEqual([2, 7, 3, 9, 6, 5, 0, 4, 1, 8]);
  });

  test("every order is about as likely as any other", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const order = shuffle(numbers(4), seed).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // Chi-squared with 23 degrees of freedom exceeds 49.7 once in a thousand.
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(49.7);
  });

  test.each([-1, 1.5, Number.NaN, "1", undefined, 2 ** 53])("seed %p", async (seed) => {
    const error = await errorOf(() => shuffle([1, 2], seed as number));
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain("seed must be a non-negative integer");
  });
});

describe("split", () => {
  const rows = Array.from({ length: 100 }, (_, id) => ({ id, label: id < 90 ? "common" : "rare" }));

  test("a share or a number; every row in one part; the same parts for the same seed", () => {
    const { train, test: held } = split(rows, { test: 0.1, seed: 1 });
    expect([train.length, held.length]).toEqual([90, 10]);
    expect(new Set([...train, ...held]).size).toBe(100);
    expect(split(rows, { test: 0.1, seed: 1 })).toEqual({ train, test: held });
    expect(split(rows, { test: 0.1, seed: 2 }).test).not.toEqual(held);
    expect(split(rows, { test: 25, seed: 1 }).test).toHaveLength(25);
    expect(split(rows.slice(0, 3), { test: 0.3, seed: 1 }).test).toHaveLength(1);
  });

  test("stratified parts keep the proportions, also odd ones", () => {
    const { test: held } = split(rows, { test: 0.2, seed: 3, stratifyBy: "label" });
    expect(held.filter((row) => row.label === "rare")).toHaveLength(2);
    const thirds = [1, 1, 1, 1, 2, 2, 2, 3, 3, 3].map((y) => ({ y }));
    const part = split(thirds, { test: 5, seed: 3, stratifyBy: "y" }).test.map((row) => row.y);
    expect(part).toHaveLength(5);
    for (const y of [1, 2, 3]) expect(part.filter((value) => value === y).length).toBeGreaterThan(0);
  });

  const misuses: [string, object, string, string][] = [
    [
      "test 0",
      { test: 0, seed: 1 },
      "ERR_ARGUMENT",
      "test must be a share between 0 and 1, or a number of rows, got 0",
    ],
    ["test 1.5", { test: 1.5, seed: 1 }, "ERR_ARGUMENT", "got 1.5"],
    ["no test", { seed: 1 }, "ERR_ARGUMENT", "test must be"],
    ["all rows", { test: 100, seed: 1 }, "ERR_ARGUMENT", "both parts need at least one row, got 100 of 100"],
    ["no row", { test: 0.001, seed: 1 }, "ERR_ARGUMENT", "both parts need at least one row, got 0 of 100"],
    ["no seed", { test: 0.5 }, "ERR_ARGUMENT", "seed must be a non-negative integer, got undefined"],
    [
      "no column",
      { test: 0.5, seed: 1, stratifyBy: "x" },
      "ERR_DATA",
      'row 0 needs a value in column "x", got none',
    ],
  ];
  test.each(misuses)("%s", async (_name, options, code, message) => {
    const error = await errorOf(() => split(rows, options as never));
    expect(error).toEqual({ code, message: expect.stringContaining(message) });
  });
});
