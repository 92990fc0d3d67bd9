// What can be wrong with the file itself, for every reader; gzip by content; streaming; real data.
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { readCsv, readJson, readJsonl, readRows, readTable, type SkipReport } from "../../src/data/index.js";
import { errorOf, inFolder, withFile } from "./temporary.js";

const root = new URL("../../../", import.meta.url);
const fixture = (name: string) => fileURLToPath(new URL(`tests/fixtures/data/${name}`, root));
const banking = (name: string) => fileURLToPath(new URL(`examples/banking77/${name}`, root));

type Read = (file: string | URL) => Promise<object[]>;
const readers: [string, Read, string, string][] = [
  ["readCsv", readCsv, "rows.csv", "a,b\n1,é\n"],
  ["readJsonl", readJsonl, "rows.jsonl", '{"a":"1","b":"é"}\n'],
  ["readJson", readJson, "rows.json", '[{"a":"1","b":"é"}]'],
  ["readTable", readTable, "rows.csv", "a,b\n1,é\n"],
];

describe.each(readers)("%s: the file itself", (_reader, read, name, good) => {
  const gz = gzipSync(good);
  const cases: [string, string | Uint8Array, string][] = [
    ["empty", "", "got an empty file"],
    ["an empty gzip", gzipSync(""), "got an empty file"],
    ["a gzip cut off", gz.subarray(0, gz.length - 9), "needs a whole gzip file"],
    ["a gzip of two bytes", gz.subarray(0, 2), "needs a whole gzip file"],
    [
      "a gzip with a wrong checksum",
      Buffer.concat([gz.subarray(0, -8), Buffer.alloc(8)]),
      "needs a whole gzip file",
    ],
    ["not UTF-8", Buffer.from(`${good}\n\n`, "latin1"), "needs UTF-8 text"],
    [
      "cut inside a character",
      Buffer.concat([Buffer.from(good), Buffer.from([0xe4, 0xb8])]),
      "needs UTF-8 text",
    ],
    ["UTF-16", Buffer.from(`\uFEFF${good}`, "utf16le"), "line 1: needs UTF-8 text, got UTF-16"],
  ];
  test.each(cases)("%s", async (_case, content, message) => {
    const error = await errorOf(() => withFile(name, content, (file) => read(file)));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(name);
    expect(error.message).toContain(message);
  });

  test("missing, a directory", async () => {
    await inFolder(async (folder) => {
      const missing = await errorOf(() => read(join(folder, name)));
      expect(missing.code).toBe("ERR_DATA");
      expect(missing.message).toContain(`${name}: needs a readable file, got no such file`);
      await mkdir(join(folder, name));
      const directory = await errorOf(() => read(join(folder, name)));
      expect(directory).toEqual({ code: "ERR_DATA", message: expect.stringContaining("got a directory") });
    });
  });

  test("gzip is known by its content, not by its name; paths and URLs", async () => {
    const plain = await withFile(name, good, (file) => read(file));
    expect(plain).toEqual([{ a: "1", b: "é" }]);
    expect(await withFile(name, gz, (file) => read(pathToFileURL(file)))).toEqual(plain);
    expect(await withFile(`${name}.gz`, good, (file) => read(file))).toEqual(plain);
    // Two gzip files one after the other are one gzip file.
    const half = Buffer.from(good).subarray(0, 4);
    const parts = [gzipSync(half), gzipSync(Buffer.from(good).subarray(4))];
    expect(await withFile(`${name}.gz`, Buffer.concat(parts), (file) => read(file))).toEqual(plain);
  });

  test("misuse of the path", async () => {
    for (const file of [undefined, "", 3, new URL("http://example.org/rows.csv")]) {
      const error = await errorOf(() => read(file as never));
      expect(error).toEqual({
        code: "ERR_ARGUMENT",
        message: expect.stringContaining("file must be a path"),
      });
    }
  });
});

describe("the file itself, more", () => {
  test("the line of a byte that is not UTF-8, far into the file", async () => {
    const lines = Buffer.from("文文文文文文,b\n".repeat(5000));
    lines[lines.length - 3 * 21 + 1] = 0xff;
    const error = await errorOf(() => withFile("rows.csv", lines, (file) => readCsv(file)));
    expect(error).toEqual({
      code: "ERR_DATA",
      message: expect.stringContaining("line 4998: needs UTF-8 text"),
    });
  });

  const onUnix = process.platform === "win32" ? test.skip : test;
  onUnix("a named pipe does not hang the reader", async () => {
    await inFolder(async (folder) => {
      const pipe = join(folder, "rows.csv");
      execFileSync("mkfifo", [pipe]);
      const error = await errorOf(() => readCsv(pipe));
      expect(error).toEqual({ code: "ERR_DATA", message: expect.stringContaining("got a pipe or a device") });
    });
  });
});

describe("readRows", () => {
  test("streams, gives the event loop its turn, and closes the file when left early", async () => {
    const text = `text,label\n${"some words of a sentence,1\n".repeat(50_000)}`;
    await withFile("rows.csv.gz", gzipSync(text), async (file) => {
      let turns = 0;
      let running = true;
      const tick = () => {
        turns++;
        if (running) setImmediate(tick);
      };
      setImmediate(tick);
      let rows = 0;
      for await (const row of readRows<{ text: string; label: string }>(file)) {
        expect(row.label).toBe("1");
        rows++;
      }
      running = false;
      expect(rows).toBe(50_000);
      expect(turns).toBeGreaterThan(10);
      for await (const row of readRows(file)) {
        expect(row).toEqual({ text: "some words of a sentence", label: "1" });
        break;
      }
    });
  });

  test("skips, and reports also when left early", async () => {
    const reports: SkipReport[] = [];
    await withFile("rows.csv", "a,b\n1\n2,3\n4,5\n", async (file) => {
      const options = { onBadRow: "skip", onSkip: (report: SkipReport) => reports.push(report) } as const;
      for await (const row of readRows(file, options)) {
        expect(row).toEqual({ a: "2", b: "3" });
        break;
      }
    });
    expect(reports.map(({ count }) => count)).toEqual([1]);
  });

  test("several files are one data set", async () => {
    await inFolder(async (folder) => {
      const files = [join(folder, "a.csv"), join(folder, "b.jsonl")];
      await writeFile(files[0], "a\n1\n");
      await writeFile(files[1], '{"a":"2"}\n');
      expect(await readTable(files)).toEqual([{ a: "1" }, { a: "2" }]);
      const none = await errorOf(() => readTable([]));
      expect(none).toEqual({
        code: "ERR_ARGUMENT",
        message: "data: files must be at least one file, got []",
      });
    });
  });

  test("the extension chooses the reader, the option format overrules it", async () => {
    expect(await withFile("r.tsv", "a\n1\n", (file) => readTable(file))).toEqual([{ a: "1" }]);
    expect(await withFile("r.NDJSON", '{"a":1}\n', (file) => readTable(file))).toEqual([{ a: 1 }]);
    expect(await withFile("r.txt", "a\tb\n1\t2\n", (file) => readTable(file, { format: "tsv" }))).toEqual([
      { a: "1", b: "2" },
    ]);
    const unknown = await errorOf(() => withFile("r.xml", "a\n", (file) => readTable(file)));
    expect(unknown.code).toBe("ERR_ARGUMENT");
    expect(unknown.message).toContain(
      "needs a name ending in one of .csv, .tsv, .jsonl, .ndjson, .json, .txt,",
    );
    expect(unknown.message).toContain("r.xml");
    const format = await errorOf(() =>
      withFile("r.csv", "a\n", (file) => readTable(file, { format: "xml" as never })),
    );
    expect(format).toEqual({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining("format must be one of csv"),
    });
  });
});

describe("real data", () => {
  test("BANKING77", async () => {
    const train = await readCsv<{ text: string; category: string }>(banking("train.csv.gz"));
    const test_ = await readTable<{ text: string; category: string }>(banking("test.csv.gz"));
    expect([train.length, test_.length]).toEqual([10003, 3080]);
    expect(train[0]).toEqual({ text: "I am still waiting on my card?", category: "card_arrival" });
    expect(new Set(train.map((row) => row.category)).size).toBe(77);
  });

  test("SST-2, tab separated without quotes", async () => {
    const rows = await readTable(fixture("sst2.tsv.gz"), { types: { label: "integer" } });
    expect(rows).toHaveLength(872);
    expect(rows[0]).toEqual({ sentence: "it 's a charming and often affecting journey . ", label: 1 });
  });

  test("MRPC as CSV and as TSV with a byte order mark and bare quotes", async () => {
    const quoted = await readTable(fixture("mrpc.csv"));
    const bare = await readTable(fixture("mrpc.tsv"));
    expect(Object.keys(bare[0])).toEqual(["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]);
    expect(bare.map((row) => row["#2 String"])).toEqual(quoted.map((row) => row.sentence2));
  });

  test("STS-B, CODAH, SWAG, SciTLDR, SQuAD", async () => {
    const pairs = await readTable(fixture("sts-b.tsv"), { types: { score: "number" } });
    expect(pairs.slice(0, 2).map((row) => row.score)).toEqual([5, 4.75]);
    const columns = ["category", "prompt", "ending0", "ending1", "ending2", "ending3", "label"];
    const codah = await readTable(fixture("codah.tsv.gz"), { columns, types: { label: "integer" } });
    expect([codah.length, codah[0].label]).toEqual([555, 2]);
    const swag = await readTable(fixture("swag.json"));
    expect([swag.length, swag[0].label]).toEqual([10, 0]);
    const papers = await readTable<{ source: string[] }>(fixture("scitldr-10.jsonl.gz"));
    expect(papers).toHaveLength(10);
    expect(papers.every((row) => Array.isArray(row.source))).toBe(true);
    const squad = await readJson<{ title: string }>(fixture("squad-v2.json"), { field: "data" });
    expect(squad.map((article) => article.title)).toEqual(["Normans", "Computational_complexity_theory"]);
  });
});
