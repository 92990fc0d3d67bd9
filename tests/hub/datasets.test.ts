// Data sets by name, from a server that speaks the Hub's routes: which files make a split, what is fetched, what is
// said where something is not there.
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { chooseDataFiles } from "../../src/data/hub-files.js";
import { type ReadDatasetOptions, readDataset, readParquet } from "../../src/data/index.js";
import { fixture } from "../data/fixture.js";
import { errorOf } from "../data/temporary.js";
import { home, hub, ofFile, useHub } from "./setup.js";

useHub();

const parquet = fixture("sst2.snappy.parquet");
const parquetBytes = readFileSync(parquet);

const NAME = "org/reviews";
const jsonl = (...texts: string[]) => texts.map((text) => JSON.stringify({ text })).join("\n");

beforeEach(() => {
  hub.repositories[`datasets/${NAME}`] = {
    files: {
      "README.md": "---\nlicense: mit\n---\n",
      "dataset_infos.json": "{}",
      "en/train-00000-of-00002.jsonl": jsonl("one", "two"),
      "en/train-00001-of-00002.jsonl": jsonl("three"),
      "en/dev set.csv": "text,stars\nfine,4\n",
      "zh/train-00000-of-00001.parquet": parquetBytes,
      "zh/test-00000-of-00001.parquet": parquetBytes,
    },
    large: ["en/train-00000-of-00002.jsonl", "zh/train-00000-of-00001.parquet"],
  };
  hub.repositories["datasets/plain"] = { files: { "rows.json": '[{"a": 1}]', "notes.txt": "x" } };
});

const texts = async (options: ReadDatasetOptions) =>
  (await readDataset(NAME, options)).rows.map(({ text }) => text);

describe("files of a split", () => {
  test("JSON Lines in parts, CSV, Parquet; only they are fetched, into the shared cache", async () => {
    expect(await texts({ config: "en" })).toEqual(["one", "two", "three"]);
    expect(ofFile("resolve")).toHaveLength(2);
    expect(ofFile("CDN")).toEqual(["CDN en/train-00000-of-00002.jsonl"]);
    const folder = join(home, "hub", "datasets--org--reviews");
    expect((await readdir(folder)).sort()).toEqual(["blobs", "refs", "snapshots"]);
    const file = join(
      folder,
      "snapshots",
      hub.commit(`datasets/${NAME}`),
      "en",
      "train-00001-of-00002.jsonl",
    );
    expect((await lstat(file)).isSymbolicLink()).toBe(true);

    const stars = await readDataset(NAME, { config: "en", split: "validation", types: { stars: "integer" } });
    expect(stars.rows).toEqual([{ text: "fine", stars: 4 }]);
    const chinese = await readDataset(NAME, { config: "zh", split: "test" });
    expect(chinese.rows.length).toBeGreaterThan(0);
    expect(chinese.rows).toEqual(await readParquet(parquet));
  });

  test("one file that says nothing of splits is the training split", async () => {
    expect((await readDataset("plain")).rows).toEqual([{ a: 1 }]);
  });

  test("named files", async () => {
    expect(await texts({ dataFiles: "en/train-*2.jsonl" })).toEqual(["one", "two", "three"]);
    expect(await texts({ dataFiles: ["en/dev set.csv", "**/train-00001*"] })).toEqual(["fine", "three"]);
  });

  test("a folder laid out like a data set", async () => {
    await mkdir(join(home, "mine"));
    await writeFile(join(home, "mine", "my_train_rows.jsonl"), jsonl("here"));
    expect((await readDataset(join(home, "mine"))).rows).toEqual([{ text: "here" }]);
    expect(hub.requests).toEqual([]);
  });

  // Names as they are in repositories of the Hub.
  test.each<[string, string[], ReadDatasetOptions, string[]]>([
    [
      "glue",
      ["mnli/validation_matched-00000-of-00001.parquet", "mnli/train-00000-of-00001.parquet"],
      { split: "validation_matched" },
      ["mnli/validation_matched-00000-of-00001.parquet"],
    ],
    [
      "imdb",
      ["plain_text/unsupervised-00000-of-00001.parquet", "plain_text/test-00000-of-00001.parquet"],
      { split: "unsupervised" },
      ["plain_text/unsupervised-00000-of-00001.parquet"],
    ],
    [
      "refs/convert/parquet",
      ["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"],
      {},
      ["default/train/0000.parquet", "default/train/0001.parquet"],
    ],
    [
      "old hashes",
      ["data/train-00000-of-00001-d12bb9b52dcd7e4c.parquet", "data/val.csv.gz"],
      { split: "train" },
      ["data/train-00000-of-00001-d12bb9b52dcd7e4c.parquet"],
    ],
    [
      "words",
      ["data/SQuAD-Dev-v2.json", "data/SQuAD-Train-v2.json"],
      { split: "validation" },
      ["data/SQuAD-Dev-v2.json"],
    ],
  ])("%s", (_, names, { split = "train", config }, chosen) => {
    expect(chooseDataFiles(names, { split, config })).toEqual(chosen);
  });
});

describe("refusals", () => {
  const code = "ERR_HUB";
  test.each<[string, string, ReadDatasetOptions, Record<string, unknown>]>([
    [
      "no such data set",
      "org/none",
      {},
      {
        code,
        message: expect.stringContaining(
          'readDataset: no folder "org/none" here, and as a data set of the Hub: the repository must exist',
        ),
      },
    ],
    ["a model", "org/model", {}, { code, message: expect.stringContaining(`/datasets/org/model`) }],
    [
      "no such split",
      NAME,
      { config: "zh", split: "validation" },
      {
        code,
        message: expect.stringContaining(
          'split must be one of the data set\'s (dataFiles names files), got "validation": there is train, test',
        ),
      },
    ],
    [
      "no such config",
      NAME,
      { config: "de" },
      {
        code,
        message: expect.stringContaining(
          'config must be a folder of the data set, got "de": there is en, zh',
        ),
      },
    ],
    [
      "several configs",
      NAME,
      {},
      { code, message: expect.stringContaining("config must say which folder is meant, got en, zh") },
    ],
    [
      "no such file",
      NAME,
      { dataFiles: "fr/*" },
      {
        code,
        message: expect.stringContaining('and "fr/*" is none, got README.md, dataset_infos.json, en/train'),
      },
    ],
    [
      "a path that is not there",
      "./none",
      {},
      { code: "ERR_DATA", message: expect.stringContaining("./none: needs a folder with files, got none") },
    ],
    [
      "a split that is no name",
      NAME,
      { split: "" },
      { code: "ERR_ARGUMENT", message: 'readDataset: split must be a name, got ""' },
    ],
    [
      "files that are no names",
      NAME,
      { dataFiles: [] },
      { code: "ERR_ARGUMENT", message: "readDataset: dataFiles must be a name of files, or several, got []" },
    ],
    [
      "a wrong option of the Hub",
      NAME,
      { revision: "../x" },
      { code: "ERR_ARGUMENT", message: expect.stringContaining("readDataset: revision must be") },
    ],
  ])("%s", async (_, name, options, error) => {
    expect(await errorOf(() => readDataset(name, options))).toMatchObject(error);
  });

  test("a data set without data", async () => {
    hub.repositories["datasets/plain"].files = { "script.py": "" };
    const { message } = await errorOf(() => readDataset("plain"));
    expect(message).toContain("must hold CSV, TSV, JSON, JSON Lines or Parquet files, got script.py");
  });

  test("a bad row names the cached file", async () => {
    hub.repositories["datasets/plain"].files = { "train.jsonl": '{"a": 1}\n[2]\n' };
    const { code, message } = await errorOf(() => readDataset("plain"));
    expect([code, message]).toEqual(["ERR_DATA", expect.stringContaining("train.jsonl line 2")]);
    const some = await readDataset("plain", { onBadRow: "skip" });
    expect(some.rows).toEqual([{ a: 1 }]);
  });

  test("a name that would leave the cache is no file of the data set", async () => {
    hub.repositories["datasets/plain"].files = {
      "../../../train.csv": "a\n1\n",
      "data/../train.csv": "a\n1\n",
    };
    const { message } = await errorOf(() => readDataset("plain"));
    expect(message).toContain("JSON Lines or Parquet files, got no files");
  });
});

describe("connections", () => {
  test("a cut download goes on; a wrong one is an error", async () => {
    hub.faults.push({ file: "en/train-00000-of-00002.jsonl", cutAfter: 5, times: 1 });
    expect(await texts({ config: "en" })).toEqual(["one", "two", "three"]);
    hub.faults.push({ file: "zh/test-00000-of-00001.parquet", wrongBit: true, times: 2 });
    const { code, message } = await errorOf(() => readDataset(NAME, { config: "zh", split: "test" }));
    expect([code, message]).toEqual(["ERR_HUB", expect.stringContaining("must have the hash")]);
  });

  test("without one, a split that is cached whole is read, a part of one is not", async () => {
    await texts({ config: "en" });
    await texts({ dataFiles: "zh/test*" });
    const requests = hub.requests.length;
    process.env.HF_HUB_OFFLINE = "1";
    expect(await texts({ config: "en" })).toHaveLength(3);
    const absent = await errorOf(() => readDataset(NAME, { config: "zh" }));
    expect(absent).toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining("run once with a connection"),
    });
    expect(hub.requests).toHaveLength(requests);
    const part = ["en/train-00000-of-00002.jsonl"];
    expect(() => chooseDataFiles(part, { split: "train" })).toThrow(
      "all 2 parts that en/train-00000-of-00002.jsonl is one of are needed, got 1",
    );
  });

  test("private data sets need a token, which no other host sees", async () => {
    hub.repositories[`datasets/${NAME}`].token = "hf_secret";
    expect((await errorOf(() => readDataset(NAME, { config: "en" }))).message).toContain("HF_TOKEN");
    expect(await texts({ config: "en", token: "hf_secret" })).toHaveLength(3);
    expect(hub.leaked).toEqual([]);
  });
});
