// Cached map and filter: what the key depends on, damaged and torn files, the bound, several writers.
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type CacheEvent, type CacheOptions, Dataset } from "../../src/data/index.js";
import { errorOf, inFolder } from "./temporary.js";

interface NumberRow {
  n: number;
}
const data = new Dataset<NumberRow>(Array.from({ length: 1000 }, (_, n) => ({ n })));
const double = (row: NumberRow) => ({ n: 2 * row.n, ids: Int32Array.of(row.n) });
// Typed arrays from the file are of Node's own realm, those of the test of Jest's.
const plain = (rows: readonly { n: number; ids: Int32Array }[]) =>
  rows.map((row) => ({ ...row, ids: [...row.ids] }));

/** What the cache did for a call, and its result. */
async function watched<T>(work: (cache: CacheOptions) => Promise<T>, cache: CacheOptions) {
  const events: CacheEvent[] = [];
  const result = await work({ ...cache, onCache: (event) => events.push(event) });
  expect(events).toHaveLength(1);
  return { result, event: events[0] };
}

describe("map with a cache", () => {
  test("computes once; the second time the rows come from the file, equal in all", async () => {
    await inFolder(async (folder) => {
      const work = (cache: CacheOptions) => data.map(double, { cache });
      const first = await watched(work, { folder });
      expect(first.event).toMatchObject({ hit: false, stored: true });
      const second = await watched(work, { folder });
      expect(second.event).toEqual({ key: first.event.key, hit: true, stored: true });
      expect(plain(second.result.rows)).toEqual(plain(first.result.rows));
      expect(second.result.rows[3].ids[0]).toBe(3);
      expect(await readdir(folder)).toEqual([`${first.event.key}.rows`]);
      const threads = await watched((cache) => data.map(double, { cache, workers: 1 }), { folder });
      expect(threads.event.hit).toBe(true);
    });
  });

  test("the key is rows, function text, parameters, kind, and the batch size where it matters", async () => {
    await inFolder(async (folder) => {
      const keyOf = async (work: (cache: CacheOptions) => Promise<unknown>) =>
        (await watched(work, { folder })).event.key;
      const batched = { batched: true } as const;
      const keys = [
        await keyOf((cache) => data.map((row) => row, { cache })),
        await keyOf((cache) => data.map((row) => ({ ...row }), { cache })),
        await keyOf((cache) => data.map((row) => row, { cache, params: 1 })),
        await keyOf((cache) => data.map((row) => row, { cache, params: "1" })),
        await keyOf((cache) => data.map((rows) => rows, { cache, ...batched })),
        await keyOf((cache) => data.map((rows) => rows, { cache, ...batched, batchSize: 10 })),
        await keyOf((cache) => data.select([0]).map((row) => row, { cache })),
        await keyOf((cache) => data.filter((row) => row.n >= 0, { cache })),
      ];
      expect(new Set(keys).size).toBe(keys.length);
      expect(await keyOf((cache) => data.map((row) => row, { cache, batchSize: 10 }))).toBe(keys[0]);
    });
  });

  test("a module's function is known by the module's content", async () => {
    await inFolder(async (folder) => {
      const module = join(folder, "f.mjs");
      const cached = { folder: join(folder, "cache") };
      await writeFile(module, "export const f = (row) => ({ n: row.n + 1 });\n");
      const work = (cache: CacheOptions) => data.map<NumberRow>({ module, name: "f" }, { cache, workers: 1 });
      const first = await watched(work, cached);
      expect((await watched(work, cached)).event.hit).toBe(true);
      await writeFile(module, "export const f = (row) => ({ n: row.n + 2 });\n");
      const changed = await watched(work, cached);
      expect([changed.event.hit, changed.result.rows[0].n]).toEqual([false, 2]);
      expect(changed.event.key).not.toBe(first.event.key);
    });
  });

  test("a file that was cut or changed anywhere is made again", async () => {
    await inFolder(async (folder) => {
      const small = data.select([0, 1, 2]);
      const work = (cache: CacheOptions) => small.map(double, { cache });
      const { event, result } = await watched(work, { folder });
      const file = join(folder, `${event.key}.rows`);
      const whole = await readFile(file);
      const damage = fc.oneof(
        fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
        fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
          const bytes = Buffer.from(whole);
          bytes[at] ^= change;
          return bytes;
        }),
      );
      const property = fc.asyncProperty(damage, async (bytes) => {
        await writeFile(file, bytes);
        const again = await watched(work, { folder });
        expect(again.event).toMatchObject({ hit: false, stored: true });
        expect(plain(again.result.rows)).toEqual(plain(result.rows));
        expect((await readFile(file)).equals(whole)).toBe(true);
      });
      await fc.assert(property, { seed: 7, numRuns: 100 });
    });
  });

  test("several at once leave one whole file", async () => {
    await inFolder(async (folder) => {
      const works = Array.from({ length: 5 }, () => data.map(double, { cache: { folder } }));
      const results = await Promise.all(works);
      for (const { rows } of results) expect(plain(rows)).toEqual(plain(results[0].rows));
      const names = await readdir(folder);
      expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.rows$/)]);
      expect((await watched((cache) => data.map(double, { cache }), { folder })).event.hit).toBe(true);
    });
  });

  test("the folder stays within its bound: what was used longest ago goes", async () => {
    await inFolder(async (folder) => {
      const cached = async (params: number, maxBytes?: number) =>
        (await watched((cache) => data.map((row) => row, { cache, params }), { folder, maxBytes })).event;
      const old = await cached(1);
      const used = await cached(2);
      const past = new Date(Date.now() - 60_000);
      for (const { key } of [old, used]) await utimes(join(folder, `${key}.rows`), past, past);
      expect((await cached(2)).hit).toBe(true);
      const size = (await readFile(join(folder, `${old.key}.rows`))).length;
      await writeFile(join(folder, "interrupted.part"), "x");
      const longAgo = new Date(Date.now() - 48 * 3600 * 1000);
      await utimes(join(folder, "interrupted.part"), longAgo, longAgo);
      await writeFile(join(folder, "not-ours.txt"), "x");
      const newest = await cached(3, 2.5 * size);
      expect((await readdir(folder)).sort()).toEqual(
        [`${used.key}.rows`, `${newest.key}.rows`, "not-ours.txt"].sort(),
      );
      const tooLarge = await cached(4, 100);
      expect(tooLarge).toMatchObject({ stored: false, reason: "the rows need more than maxBytes, 100" });
      expect(await readdir(folder)).toHaveLength(3);
    });
  });

  test("results that cannot be stored are results all the same", async () => {
    await inFolder(async (folder) => {
      const { event, result } = await watched((cache) => data.map(() => ({ f: () => 1 }), { cache }), {
        folder,
      });
      expect([event.stored, result.length]).toEqual([false, 1000]);
      expect(event.reason).toContain("could not be cloned");
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test("misuse", async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "file"), "");
      await mkdir(join(folder, "sub"));
      const codeOf = async (cache: CacheOptions, params?: unknown) =>
        (await errorOf(() => data.map((row) => row, { cache, params }))).code;
      expect(await codeOf({ folder: "" })).toBe("ERR_ARGUMENT");
      expect(await codeOf({ folder, maxBytes: 0 })).toBe("ERR_ARGUMENT");
      expect(await codeOf({ folder }, () => 1)).toBe("ERR_ARGUMENT");
      expect(await codeOf({ folder: join(folder, "file", "sub") })).toBe("ERR_DATA");
    });
  });

  test("the default folder follows ATHANOR_CACHE", async () => {
    await inFolder(async (folder) => {
      const before = process.env.ATHANOR_CACHE;
      process.env.ATHANOR_CACHE = folder;
      try {
        await data.map(double, { cache: true });
        expect(await readdir(join(folder, "map"))).toHaveLength(1);
      } finally {
        if (before === undefined) delete process.env.ATHANOR_CACHE;
        else process.env.ATHANOR_CACHE = before;
      }
    });
  });
});
