// Names of the Hub: downloads into the shared cache, its layout, resumption, wrong bytes, several at once. Everything
// against a server on this machine (server.ts).
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, readlink, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import type { HubProgress } from "../../src/hub/index.js";
import { errorOf } from "../data/temporary.js";
import { gitHash, sha256 } from "./server.js";
import { blobs, home, hub, impatient, model, ofFile, shards, tokenizer, useHub, weights } from "./setup.js";

useHub();

describe("a repository", () => {
  test("lies in the cache as all of Hugging Face's libraries keep it", async () => {
    const folder = await model();
    const commit = hub.commit("org/model");
    const repository = join(home, "hub", "models--org--model");
    expect(folder).toBe(join(repository, "snapshots", commit));
    expect(await readFile(join(repository, "refs", "main"), "utf8")).toBe(commit);
    expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors"]);
    const config = Buffer.from('{"model_type":"bert"}');
    expect(await readlink(join(folder, "config.json"))).toBe(join("..", "..", "blobs", gitHash(config)));
    expect(await readlink(join(folder, "model.safetensors"))).toBe(
      join("..", "..", "blobs", sha256(weights)),
    );
    expect((await readFile(join(folder, "model.safetensors"))).equals(weights)).toBe(true);
    expect(await blobs()).toEqual([gitHash(config), sha256(weights)].sort());
    expect(ofFile("pytorch_model.bin")).toEqual([]);
  });

  test("is asked for its commit only when all is there; what changed is fetched", async () => {
    const first = await model();
    hub.requests.length = 0;
    expect(await model()).toBe(first);
    expect(hub.requests.every((line) => line.startsWith("GET /api/"))).toBe(true);
    hub.repositories["org/model"].files["config.json"] = '{"model_type":"gpt2"}';
    const second = await model();
    expect(second).not.toBe(first);
    expect(ofFile("model.safetensors")).toEqual([]);
    expect(await readFile(join(second, "config.json"), "utf8")).toBe('{"model_type":"gpt2"}');
    expect(await readFile(join(first, "config.json"), "utf8")).toBe('{"model_type":"bert"}');
  });

  test("needs no request for a commit that is there", async () => {
    const revision = hub.commit("org/model");
    const folder = await model("org/model", { revision });
    hub.requests.length = 0;
    expect(await model("org/model", { revision })).toBe(folder);
    expect(hub.requests).toEqual([]);
  });

  test("without an organisation; model and tokenizer share a snapshot", async () => {
    const folder = await tokenizer("plain");
    expect(folder).toContain(join("hub", "models--plain", "snapshots"));
    expect(await readdir(folder)).toEqual(["vocab.txt"]);
    Object.assign(hub.repositories.plain.files, { "config.json": "{}", "model.safetensors": "w" });
    const both = await model("plain");
    expect(await tokenizer("plain")).toBe(both);
    expect((await readdir(both)).sort()).toEqual(["config.json", "model.safetensors", "vocab.txt"]);
  });

  test("in shards: those that the index names, no other", async () => {
    const folder = await model("org/sharded");
    const names = ["config.json", "model.safetensors.index.json", ...Object.keys(shards)];
    expect((await readdir(folder)).sort()).toEqual(names.sort());
    hub.requests.length = 0;
    const revision = hub.commit("org/sharded");
    await model("org/sharded", { revision });
    expect(hub.requests).toEqual([]);
    await rm(join(folder, Object.keys(shards)[1]));
    expect((await errorOf(() => model("org/sharded", { localFilesOnly: true }))).message).toContain(
      "lacks model-00002-of-00002.safetensors",
    );
    expect(await model("org/sharded", { revision })).toBe(folder);
  });

  test("names its folder where there is one, and leaves paths alone", async () => {
    await mkdir(join(home, "org", "model"), { recursive: true });
    const path = join(home, "org", "model");
    expect(await model(path)).toBe(path);
    for (const name of [
      "./org/model",
      "../model",
      "/org/model",
      "a/b/c",
      "org\\model",
      "~/model",
      "C:/model",
      "-x/y",
      "a--b",
      "",
    ]) {
      expect(await model(name)).toBe(name);
    }
    expect(hub.requests).toEqual([]);
  });
});

describe("a download", () => {
  test("goes on where the connection was cut", async () => {
    hub.faults.push({ file: "model.safetensors", cutAfter: 100_000, times: 2 });
    const folder = await model();
    expect((await readFile(join(folder, "model.safetensors"))).equals(weights)).toBe(true);
    const ranges = ofFile("model.safetensors").filter((line) => line.startsWith("CDN"));
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe("CDN model.safetensors");
    const starts = ranges.slice(1).map((line) => Number(line.match(/bytes=(\d+)-299999$/)?.[1]));
    expect(starts[0]).toBeGreaterThan(0);
    expect(starts[1]).toBeGreaterThan(starts[0]);
  });

  test("begins anew where the server cannot go on", async () => {
    hub.faults.push({ file: "model.safetensors", cutAfter: 100_000, times: 1 });
    hub.faults.push({ file: "model.safetensors", ignoreRange: true, times: 1 });
    const folder = await model();
    expect((await readFile(join(folder, "model.safetensors"))).equals(weights)).toBe(true);
  });

  test.each<[string, Buffer, number, string[]]>([
    ["goes on with what a killed process left", weights.subarray(0, 100_000), 60, ["bytes=100000-299999"]],
    ["is over where only its name was missing", weights, 60, []],
    ["takes no more than its length", Buffer.concat([weights, weights]), 60, []],
    ["begins anew where that was something else", Buffer.alloc(100_000), 60, ["bytes=100000-299999", ""]],
    ["leaves alone what another process writes", weights.subarray(0, 100_000), 0, [""]],
  ])("%s", async (_, left, minutes, ranges) => {
    const folder = join(home, "hub", "models--org--model", "blobs");
    const part = join(folder, `${sha256(weights)}.0c5fd4fb.incomplete`);
    await mkdir(folder, { recursive: true });
    await writeFile(part, left);
    const then = new Date(Date.now() - minutes * 60_000);
    await utimes(part, then, then);
    const file = join(await model(), "model.safetensors");
    expect((await readFile(file)).equals(weights)).toBe(true);
    const asked = ofFile("model.safetensors").filter((line) => line.startsWith("CDN"));
    expect(asked.map((line) => line.match(/bytes=\S+/)?.[0] ?? "")).toEqual(ranges);
    const parts = (await blobs()).filter((name) => name.endsWith(".incomplete"));
    expect(parts).toHaveLength(minutes === 0 ? 1 : 0);
  });

  test("that stalls is taken up again", async () => {
    hub.faults.push({ file: "model.safetensors", stallAfter: 50_000, times: 1 });
    impatient();
    const folder = await model();
    expect((await readFile(join(folder, "model.safetensors"))).equals(weights)).toBe(true);
  });

  test("that cannot be finished says how far it came, and leaves nothing behind", async () => {
    hub.faults.push({ file: "model.safetensors", cutAfter: 0, times: 100 });
    const error = await errorOf(() => model());
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toMatch(
      /model.safetensors of org\/model needs a connection that holds, got 0 of 300000 bytes, then 5 times /,
    );
    expect((await blobs()).filter((name) => name.length !== 40)).toEqual([]);
    expect(await readdir(join(home, "hub", "models--org--model"))).toEqual(["blobs"]);
  });

  test.each<[string, object]>([
    ["a wrong bit", { wrongBit: true }],
    ["too many bytes", { tooLong: true }],
  ])("with %s once is repeated, always is an error, and nothing is kept", async (_name, fault) => {
    for (const file of ["model.safetensors", "config.json"]) {
      hub.faults.push({ file, times: 1, ...fault });
    }
    expect((await readFile(join(await model(), "model.safetensors"))).equals(weights)).toBe(true);
    await rm(join(home, "hub"), { recursive: true });
    hub.faults.push({ file: "config.json", times: 100, ...fault });
    const error = await errorOf(() => model());
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain("config.json of org/model");
    expect(error.message).toMatch(
      /must have the hash [0-9a-f]{40}, got [0-9a-f]{40} twice|more than its 21 bytes/,
    );
    expect(
      (await blobs()).filter((name) => name.includes(gitHash(Buffer.from('{"model_type":"bert"}')))),
    ).toEqual([]);
  });

  test("by several processes at once leaves one whole snapshot", async () => {
    const module = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
    const program = `
      import { pretrainedFolder } from ${module("hub/index.js")};
      import { MODEL_FILES } from ${module("models/hub-files.js")};
      console.log(await pretrainedFolder("test", "org/model", MODEL_FILES));`;
    const flags = ["--input-type=module", "-e", program];
    const runs = Array.from({ length: 3 }, () =>
      promisify(execFile)(process.execPath, flags, { env: { ...process.env } }),
    );
    const folders = (await Promise.all(runs)).map(({ stdout }) => stdout.trim());
    expect(new Set(folders).size).toBe(1);
    expect((await readFile(join(folders[0], "model.safetensors"))).equals(weights)).toBe(true);
    expect((await blobs()).map((name) => name.length).sort()).toEqual([40, 64]);
    expect((await readdir(folders[0])).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  test("is shared by calls at once", async () => {
    const folders = await Promise.all(Array.from({ length: 6 }, () => model()));
    expect(new Set(folders).size).toBe(1);
    expect(ofFile("model.safetensors").filter((line) => line.startsWith("CDN"))).toHaveLength(1);
    expect((await readdir(folders[0])).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  test("tells its progress", async () => {
    const events: HubProgress[] = [];
    await model("org/model", { onProgress: (progress) => events.push(progress) });
    const large = events.filter(({ file }) => file === "model.safetensors");
    expect(large.at(0)).toMatchObject({ repository: "org/model", total: weights.length, done: false });
    expect(large.at(-1)).toMatchObject({ loaded: weights.length, total: weights.length, done: true });
    const loaded = large.map((event) => event.loaded);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect(events.filter(({ done }) => done)).toHaveLength(2);
  });

  test("stops by its signal; another call that waits for the same file goes on", async () => {
    hub.faults.push({ file: "model.safetensors", stallAfter: 1000, times: 1 });
    const controller = new AbortController();
    const stopped = errorOf(() => model("org/model", { signal: controller.signal }));
    // The first call has the file in hand before the second one comes to wait for it.
    while (!ofFile("model.safetensors").some((line) => line.startsWith("CDN"))) await delay(5);
    const other = model();
    await delay(100);
    controller.abort();
    expect(await stopped).toEqual({ code: "ERR_ABORTED", message: "fromPretrained: stopped by its signal" });
    expect((await readFile(join(await other, "model.safetensors"))).equals(weights)).toBe(true);
    expect((await blobs()).every((name) => !name.endsWith(".incomplete"))).toBe(true);
  });
});
