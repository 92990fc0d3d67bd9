// Dataset: map, filter, select, shuffle, split, in this thread and in worker threads; fingerprint.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Dataset, fingerprint, type MapOptions, readTable, shuffle, split } from "../../src/data/index.js";
import { fixture } from "./fixture.js";
import { errorOf } from "./temporary.js";

interface TextRow {
  text: string;
}
const numbers = (count: number) => new Dataset(Array.from({ length: count }, (_, n) => ({ n })));
const words = new URL("../../../tests/fixtures/data/functions/words.mjs", import.meta.url);

describe("Dataset", () => {
  test("is made of files or rows, and iterable", async () => {
    const data = await Dataset.read(fixture("sst2.tsv.gz"), { types: { label: "integer" } });
    expect(data).toHaveLength(872);
    expect([...data]).toEqual(await readTable(fixture("sst2.tsv.gz"), { types: { label: "integer" } }));
    const fault = await errorOf(() => new Dataset([{ a: 1 }, 3 as never]));
    expect(fault).toEqual({ code: "ERR_DATA", message: "Dataset: row 1 must be an object, got 3" });
    expect((await errorOf(() => new Dataset("rows" as never))).code).toBe("ERR_ARGUMENT");
  });

  test("select, shuffle and split as the functions on arrays", async () => {
    const data = numbers(10);
    expect(data.select([3, 0, 3]).rows).toEqual([{ n: 3 }, { n: 0 }, { n: 3 }]);
    expect(data.shuffle(5).rows).toEqual(shuffle(data.rows, 5));
    const parts = data.split({ test: 0.3, seed: 1 });
    expect([parts.train.rows, parts.test.rows]).toEqual(
      Object.values(split(data.rows, { test: 0.3, seed: 1 })),
    );
    for (const index of [10, -1, 0.5, "1" as never]) {
      const error = await errorOf(() => data.select([index]));
      expect(error.code).toBe("ERR_ARGUMENT");
      expect(error.message).toContain("select: needs row numbers from 0 to 9, got");
    }
  });

  describe.each([0, 2])("with %d worker threads", (workers) => {
    test("map: a row each, with its number and parameters; functions may be asynchronous", async () => {
      const data = numbers(25);
      const options = { workers, batchSize: 4, params: { add: 100 } };
      const mapped = await data.map<{ n: number; at: number }, { add: number }>(
        async (row, { index, params }) => ({ n: row.n + params.add, at: index }),
        options,
      );
      expect(mapped.rows).toEqual(data.rows.map(({ n }) => ({ n: n + 100, at: n })));
      expect(data.rows[0]).toEqual({ n: 0 });
    });

    test("map, batched: more rows, fewer rows, none", async () => {
      const data = numbers(10);
      const batched = { workers, batchSize: 4, batched: true } as const;
      const twice = await data.map((rows) => rows.flatMap((row) => [row, row]), batched);
      expect(twice.rows.map(({ n }) => n)).toEqual(data.rows.flatMap(({ n }) => [n, n]));
      const firsts = await data.map((rows, { index }) => [{ index, rows: rows.length }], batched);
      expect(firsts.rows).toEqual([
        { index: 0, rows: 4 },
        { index: 4, rows: 4 },
        { index: 8, rows: 2 },
      ]);
      expect((await data.map(() => [], batched)).length).toBe(0);
      expect((await numbers(0).map(() => [{}], batched)).length).toBe(0);
    });

    test("filter", async () => {
      const odd = await numbers(9).filter((row) => row.n % 2 === 1, { workers, batchSize: 2 });
      expect(odd.rows.map(({ n }) => n)).toEqual([1, 3, 5, 7]);
    });

    test("typed arrays, dates and bigints go through", async () => {
      const made = await numbers(2).map(
        ({ n }) => ({ ids: Int32Array.of(n, 7), big: BigInt(n), when: new Date(n) }),
        {
          workers,
        },
      );
      expect(Array.from(made.rows[1].ids)).toEqual([1, 7]);
      expect([made.rows[1].big, made.rows[1].when.getTime()]).toEqual([1n, 1]);
    });

    test("a function of a module", async () => {
      const data = new Dataset<TextRow>([{ text: "a-b" }, { text: "c" }]);
      const counted = await data.map<TextRow & { words: number }>(
        { module: words, name: "countWords" },
        { workers, params: { separator: "-" } },
      );
      expect(counted.rows.map((row) => row.words)).toEqual([2, 1]);
      const error = await errorOf(() => data.map({ module: words, name: "notAFunction" }, { workers }));
      expect(error.code).toBe("ERR_ARGUMENT");
      expect(error.message).toContain("got countWords, fileOf, notAFunction");
      const missing = await errorOf(() => data.map({ module: "/nowhere/words.mjs" }, { workers }));
      expect(missing.code).toBe("ERR_ARGUMENT");
    });

    const wrongResults: [string, (data: Dataset<{ n: number }>, options: MapOptions) => unknown, string][] = [
      [
        "a function that throws",
        (data, options) =>
          data.map((row) => {
            if (row.n === 5) throw new TypeError("five");
            return row;
          }, options),
        "map: the function failed at row 5: TypeError: five",
      ],
      [
        "a batched function that throws",
        (data, options) => data.map(() => Promise.reject(new Error("no")), { ...options, batched: true }),
        "map: the function failed at rows 0 to 2: Error: no",
      ],
      [
        "no row",
        (data, options) => data.map(() => undefined as never, options),
        "map: row 0 must become an object, got nothing",
      ],
      [
        "a row where rows are needed",
        (data, options) => data.map((rows) => rows[0] as never, { ...options, batched: true }),
        'map: rows 0 to 2 must become a list of objects, got {"n":0}',
      ],
      [
        "neither true nor false",
        (data, options) => data.filter(() => 1 as never, options),
        "filter: row 0 must give true or false, got 1",
      ],
    ];
    test.each(wrongResults)("%s", async (_name, work, message) => {
      const error = await errorOf(() => work(numbers(7), { workers, batchSize: 3 }));
      expect(error).toEqual({ code: "ERR_DATA", message });
    });

    test("the function's own error is the cause", async () => {
      const work = numbers(1).map(
        () => {
          throw new RangeError("deep");
        },
        { workers },
      );
      const cause = await work.catch((error) => error.cause);
      expect([cause.name, cause.message.includes("deep")]).toEqual(["RangeError", true]);
      expect(cause.stack).toContain("RangeError: deep");
    });

    test("stops by its signal, before and during the work", async () => {
      const forever = () => new Promise<never>(() => setTimeout(() => {}, 60_000));
      const stopped = AbortSignal.abort();
      const before = await errorOf(() => numbers(3).map((row) => row, { workers, signal: stopped }));
      expect(before).toEqual({ code: "ERR_ABORTED", message: "map: stopped by its signal" });
      if (workers === 0) return; // One call of a function cannot be stopped in its own thread.
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 300);
      const during = await errorOf(() => numbers(3).map(forever, { workers, signal: controller.signal }));
      expect(during.code).toBe("ERR_ABORTED");
    });
  });

  test("between rows the work stops by its signal in this thread, too", async () => {
    const controller = new AbortController();
    const error = await errorOf(() =>
      numbers(100).map(
        (row) => {
          if (row.n === 3) controller.abort();
          if (row.n > 10) throw new Error("went on");
          return row;
        },
        { signal: controller.signal },
      ),
    );
    expect(error.code).toBe("ERR_ABORTED");
  });

  test("what cannot go to a thread says what to do", async () => {
    const outside = 3;
    const closure = await errorOf(() => numbers(1).map(() => ({ outside }), { workers: 1 }));
    expect(closure.code).toBe("ERR_DATA");
    expect(closure.message).toContain("use the option params, or name a module");
    const { short } = {
      short: function named(this: unknown, row: object) {
        return row;
      },
    };
    expect((await numbers(1).map(short, { workers: 1 })).length).toBe(1);
    const methods = {
      double(row: { n: number }) {
        return { n: 2 * row.n };
      },
    };
    for (const fn of [methods.double, short.bind(null)]) {
      const error = await errorOf(() => numbers(1).map(fn, { workers: 1 }));
      expect(error.code).toBe("ERR_ARGUMENT");
      expect(error.message).toContain("fn must be an arrow function or a function expression");
    }
    const params = await errorOf(() => numbers(1).map((row) => row, { workers: 1, params: () => 1 }));
    expect(params).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining("map: params must be values that threads"),
    });
    const rows = await errorOf(() => new Dataset([{ f: () => 1 }]).map((row) => row, { workers: 1 }));
    expect(rows).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining("map: rows from 0 on must be values"),
    });
    const result = await errorOf(() => numbers(1).map(() => ({ f: () => 1 }), { workers: 1 }));
    expect(result).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining("map: rows from 0 on must become values that threads can exchange"),
    });
    const exit = await errorOf(() => numbers(1).map(() => process.exit(3) as never, { workers: 1 }));
    expect(exit).toEqual({ code: "ERR_DATA", message: expect.stringContaining("exit code 3") });
  });

  test.each<[string, object, unknown?]>([
    ["batchSize", { batchSize: 0 }],
    ["workers", { workers: -1 }],
    ["workers", { workers: 1000 }],
    ["signal", { signal: 3 }],
    ["fn", {}, 3],
    ["module", { workers: 1 }, { module: "./words.mjs" }],
  ])("misuse of %s", async (name, options, fn = (row: object) => row) => {
    const error = await errorOf(() => numbers(1).map(fn as never, options));
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain(`map: ${name} must`);
  });

  test("batches and threads change nothing in the result", async () => {
    const property = fc.asyncProperty(
      fc.array(fc.record({ n: fc.integer() }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(0, 3),
      async (rows, batchSize, workers) => {
        const fn = (some: { n: number }[]) => some.flatMap(({ n }) => Array(Math.abs(n) % 3).fill({ n }));
        const mapped = await new Dataset(rows).map(fn, { batched: true, batchSize, workers });
        expect(mapped.rows).toEqual(fn(rows));
      },
    );
    await fc.assert(property, { seed: 7, numRuns: 20 });
  });
});

describe("fingerprint", () => {
  test("equal content, equal hash; anything else differs", async () => {
    const values: unknown[] = [
      1,
      "1",
      1n,
      -0,
      0,
      null,
      undefined,
      "null",
      true,
      "true",
      Number.NaN,
      [],
      {},
      [1],
      ["1"],
      "[1]",
    ];
    values.push(
      { a: 1 },
      { a: "1" },
      { a: undefined },
      new Date(1),
      Int32Array.of(1),
      Uint8Array.of(1, 0, 0, 0),
    );
    values.push(new Map([["a", 1]]), new Set(["a"]), [[], []], [[[]]], "\ud800", "\ud801", "", '"', '","');
    const hashes = await Promise.all(values.map((value) => fingerprint([{ value }])));
    expect(new Set(hashes).size).toBe(values.length);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(await new Dataset([{ value: 1 }]).fingerprint()).toBe(hashes[0]);
    expect(await fingerprint([{ a: 1 }, { a: 2 }])).not.toBe(await fingerprint([{ a: 2 }, { a: 1 }]));
    expect(await fingerprint([])).not.toBe(await fingerprint([{}]));
  });

  test("is the same for the same rows from another file", async () => {
    const types = { label: "integer", idx: "integer" } as const;
    const parquet = await readTable(fixture("sst2.snappy.parquet"), { types });
    const tsv = await readTable(fixture("sst2.tsv.gz"), { types: { label: "integer" } });
    expect(await fingerprint(parquet)).toBe(await fingerprint(tsv.map((row, idx) => ({ ...row, idx }))));
  });

  test("values without content", async () => {
    const endless: { self?: unknown } = {};
    endless.self = endless;
    for (const row of [{ f: () => 1 }, { s: Symbol("s") }, endless]) {
      const error = await errorOf(() => fingerprint([{}, row]));
      expect(error).toEqual({
        code: "ERR_DATA",
        message: expect.stringContaining("fingerprint: row 1 needs values with content"),
      });
    }
  });

  test("rows equal as JSON-like values, and only those, have one hash", async () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const property = fc.asyncProperty(value, value, async (a, b) => {
      const [first, second] = await Promise.all([fingerprint([{ a }]), fingerprint([{ a: b }])]);
      expect(first === second).toBe(Object.is(a, b) || sameText(a, b));
    });
    await fc.assert(property, { seed: 7, numRuns: 300 });
  });
});

function sameText(a: unknown, b: unknown): boolean {
  const marked = (_: string, value: unknown) => (Object.is(value, -0) ? "minus zero" : value);
  return JSON.stringify(a, marked) === JSON.stringify(b, marked);
}
