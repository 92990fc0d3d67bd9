// RowStream: lazy, repeatable, in bounded memory; map, filter, take, skip, shuffle within a buffer.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { RowStream } from "../../src/data/index.js";
import { fixture } from "./fixture.js";
import { errorOf, inFolder } from "./temporary.js";

const numbers = (count: number) => new RowStream(() => Array.from({ length: count }, (_, n) => ({ n })));
const list = async <T extends object>(stream: RowStream<T>) => (await stream.toDataset()).rows;

describe("RowStream", () => {
  test("reads when a loop begins, and anew for every loop", async () => {
    const stream = RowStream.read(fixture("sst2.tsv.gz"), { types: { label: "integer" } })
      .filter((row) => row.label === 1)
      .map((row) => ({ length: String(row.sentence).length }));
    const first = await list(stream);
    expect(first.length).toBe(444);
    expect(await list(stream)).toEqual(first);
    const missing = RowStream.read("missing.csv").take(1);
    expect((await errorOf(() => list(missing))).message).toContain("got no such file");
  });

  test("map batched and with threads, take, skip", async () => {
    const pairs = numbers(7).map((rows) => [{ sum: rows.reduce((sum, { n }) => sum + n, 0) }], {
      batched: true,
      batchSize: 2,
      workers: 2,
    });
    expect(await list(pairs)).toEqual([{ sum: 1 }, { sum: 5 }, { sum: 9 }, { sum: 6 }]);
    expect(await list(numbers(5).skip(3))).toEqual([{ n: 3 }, { n: 4 }]);
    expect(await list(numbers(5).take(2))).toEqual([{ n: 0 }, { n: 1 }]);
    expect(await list(numbers(2).take(5))).toHaveLength(2);
    expect(await list(numbers(2).take(0))).toEqual([]);
  });

  test("take closes what it reads from", async () => {
    let closed = 0;
    const source = async function* () {
      try {
        for (let n = 0; ; n++) yield { n };
      } finally {
        closed++;
      }
    };
    expect(await list(new RowStream(source).map((row) => row, { batchSize: 10 }).take(3))).toHaveLength(3);
    expect(closed).toBe(1);
  });

  test("shuffle: every row once, the same order for the same seed, no further than the buffer reaches back", async () => {
    const order = async (seed: number, buffer: number) =>
      (await list(numbers(500).shuffle(seed, { buffer }))).map(({ n }) => n);
    const mixed = await order(3, 50);
    expect(mixed.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(await order(3, 50)).toEqual(mixed);
    expect(await order(4, 50)).not.toEqual(mixed);
    expect(mixed.every((n, place) => n < place + 50)).toBe(true);
    expect(await order(3, 1)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    const full = await order(3, 1000);
    expect(full.slice(0, 50).some((n) => n > 250)).toBe(true);
  });

  test("misuse", async () => {
    const cases: [() => unknown, string][] = [
      [() => new RowStream([] as never), "RowStream: source must be a function"],
      [() => numbers(1).take(-1), "take: count must be an integer from 0, got -1"],
      [() => numbers(1).skip(0.5), "skip: count must be an integer from 0, got 0.5"],
      [() => numbers(1).shuffle(1, { buffer: 0 }), "shuffle: buffer must be an integer from 1, got 0"],
      [() => numbers(1).shuffle(-1), "shuffle: seed must be"],
      [() => numbers(1).map(3 as never), "map: fn must be"],
    ];
    for (const [work, message] of cases) {
      expect(await errorOf(work)).toEqual({
        code: "ERR_ARGUMENT",
        message: expect.stringContaining(message),
      });
    }
  });

  test("memory does not grow with the file", async () => {
    // 64 MB of rows, unpacked on the way, in a process that may have 32 MB of JavaScript objects.
    const program = `
      import { createWriteStream } from "node:fs";
      import { pipeline } from "node:stream/promises";
      import { createGzip } from "node:zlib";
      import { RowStream } from "${new URL("../../src/data/index.js", import.meta.url)}";
      const file = process.argv[1];
      function* rows() { for (let n = 0; n < 640; n++) yield ('{"text":"' + "word ".repeat(18) + '"}\\n').repeat(1024); }
      await pipeline(rows, createGzip({ level: 1 }), createWriteStream(file));
      const stream = RowStream.read(file).filter((row) => row.text !== "").shuffle(1, { buffer: 1000 });
      let count = 0;
      for await (const row of stream.map((rows) => rows, { batched: true })) count++;
      console.log(count);`;
    await inFolder(async (folder) => {
      const flags = ["--max-old-space-size=32", "--input-type=module", "-e", program];
      const cwd = fileURLToPath(new URL("../../../", import.meta.url));
      const out = execFileSync(process.execPath, [...flags, join(folder, "big.jsonl.gz")], {
        cwd,
        encoding: "utf8",
      });
      expect(out.trim()).toBe(String(640 * 1024));
    });
  });
});
