// readParquet: files of pyarrow 25.0.1 in every compression, every kind of value, damaged files.
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type ParquetOptions,
  parquetInfo,
  readParquet,
  readRows,
  readTable,
  type SkipReport,
} from "../../src/data/index.js";
import { fixture } from "./fixture.js";
import { errorOf, withFile } from "./temporary.js";

const sst2 = () => readTable(fixture("sst2.tsv.gz"), { types: { label: "integer" } });

describe("readParquet", () => {
  test.each(["snappy", "gzip", "brotli", "zstd", "lz4", "none"])(
    "SST-2, compressed with %s",
    async (name) => {
      const expected = (await sst2()).map((row, idx) => ({ ...row, idx }));
      const rows = await readTable(fixture(`sst2.${name}.parquet`));
      expect(rows).toEqual(expected.slice(0, name === "snappy" ? 872 : 40));
    },
  );

  test("every kind of value", async () => {
    const rows = await readParquet(fixture("kinds.parquet"));
    const [first, second, third] = rows;
    expect(first).toMatchObject({
      text: "a",
      flag: true,
      float: 1.5,
      small: 1,
      large: 1,
      tokens: ["a", "b"],
    });
    expect(first.bytes).toEqual(Uint8Array.of(0, 255));
    expect((second.time as Date).getTime()).toBe(1_700_000_000_000);
    expect(first.nested).toEqual({ text: ["x"], start: [3] });
    expect(second).toMatchObject({ text: null, float: Number.NaN, large: 2 ** 53 - 1, unsigned: 2n ** 63n });
    expect(second).toMatchObject({ tokens: [], tags: [], small: -2 });
    expect(third).toMatchObject({
      text: "中文 😀",
      flag: null,
      large: 2n ** 60n,
      tokens: null,
      nested: null,
    });
    expect(rows.map((row) => Object.entries(row).at(-1))).toEqual(
      ["p", "q", "r"].map((v) => ["__proto__", v]),
    );
    expect(Object.getPrototypeOf(first)).toBe(Object.prototype);
  });

  test("the file about itself: rows, columns, class names", async () => {
    expect(await parquetInfo(fixture("sst2.snappy.parquet"))).toEqual({
      rows: 872,
      columns: ["sentence", "label", "idx"],
      labels: { label: ["negative", "positive"] },
    });
    expect((await parquetInfo(fixture("kinds.parquet"))).labels).toEqual({});
  });

  test("chosen columns, types, streaming, no rows, gzipped", async () => {
    const file = fixture("sst2.snappy.parquet");
    const { labels } = await parquetInfo(file);
    const options: ParquetOptions = { columns: ["label"], types: { label: labels.label } };
    const expected = (await sst2()).map(({ label }) => ({ label }));
    expect(await readParquet(file, options)).toEqual(expected);
    const streamed: object[] = [];
    for await (const row of readRows(file, { columns: ["label"] })) streamed.push(row);
    expect(streamed).toEqual(expected);
    for await (const row of readRows(file)) {
      expect(row.idx).toBe(0);
      break;
    }
    expect(await readParquet(fixture("no-rows.parquet"))).toEqual([]);
    const packed = gzipSync(await readFile(file));
    const unpacked = () =>
      readdir(tmpdir()).then((names) => names.filter((name) => name.startsWith("athanor-parquet")));
    const before = await unpacked();
    expect(await withFile("a.parquet.gz", packed, (gz) => readTable(gz, options))).toEqual(expected);
    expect(await unpacked()).toEqual(before);
  });

  test("values that are not of their type: row and column, skipped on request", async () => {
    const file = fixture("kinds.parquet");
    const types = { text: "string", large: "integer" } as const;
    const error = await errorOf(() => readParquet(file, { types }));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain('kinds.parquet row 2, column "text": needs a string, got null');
    let report: SkipReport | undefined;
    const onSkip = (made: SkipReport) => {
      report = made;
    };
    const rows = await readParquet(file, { types, onBadRow: "skip", onSkip });
    expect(rows.map(({ text }) => text)).toEqual(["a"]);
    expect(report?.reasons.map(({ line, column }) => [line, column])).toEqual([
      [2, "text"],
      [3, "large"],
    ]);
  });

  test("wrong files and options", async () => {
    const whole = await readFile(fixture("sst2.zstd.parquet"));
    const cases: [Uint8Array | string, string][] = [
      ["", "needs a whole Parquet file"],
      ["a,b\n1,2\n", "needs a whole Parquet file"],
      [whole.subarray(0, whole.length - 20), "needs a whole Parquet file"],
      [gzipSync(whole).subarray(0, 200), "needs a whole gzip file"],
    ];
    for (const [content, message] of cases) {
      const error = await errorOf(() => withFile("a.parquet", content, (file) => readParquet(file)));
      expect(error).toEqual({ code: "ERR_DATA", message: expect.stringContaining(`a.parquet: ${message}`) });
    }
    const utf8 = await errorOf(() => readParquet(fixture("not-utf8.parquet")));
    expect(utf8).toEqual({ code: "ERR_DATA", message: expect.stringContaining("rows 1 to 1") });
    const file = fixture("kinds.parquet");
    const column = await errorOf(() => readParquet(file, { columns: ["txt"] }));
    expect(column).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining('needs the column "txt", got text,'),
    });
    const twice = await errorOf(() => readParquet(file, { columns: ["text", "text"] }));
    expect(twice.code).toBe("ERR_ARGUMENT");
    const missing = await errorOf(() => parquetInfo("missing.parquet"));
    expect(missing).toEqual({ code: "ERR_DATA", message: expect.stringContaining("got no such file") });
  });

  test("a file with changed bytes is rows or ERR_DATA, never another error", async () => {
    const whole = await readFile(fixture("sst2.brotli.parquet"));
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      const read = () => withFile("a.parquet", bytes, (file) => readParquet(file));
      const code = await read().then(
        () => "rows",
        (error) => error.code,
      );
      expect(["rows", "ERR_DATA"]).toContain(code);
    });
    await fc.assert(property, { seed: 7, numRuns: 150 });
  });
});
