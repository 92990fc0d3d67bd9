// Names of the Hub that lead nowhere: refusals, tokens, offline work, damaged caches. Against server.ts.
import { lstat, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import type { HubOptions } from "../../src/hub/index.js";
import { errorOf } from "../data/temporary.js";
import { type FakeHub, sha256 } from "./server.js";
import { home, hub, impatient, model, ofFile, tokenizer, useHub, weights } from "./setup.js";

useHub();

describe("refusals", () => {
  const cases: [string, () => void, HubOptions, string][] = [
    [
      "no such repository",
      () => delete hub.repositories["org/model"],
      {},
      "the repository must exist; set HF_TOKEN (or the option token) if it is private, got status 401 (RepoNotFound)",
    ],
    [
      "no such revision",
      () => {},
      { revision: "v9" },
      'revision "v9" must exist, got status 404 (RevisionNotFound)',
    ],
    [
      "conditions not accepted",
      () => Object.assign(hub.repositories["org/model"], { gated: true }),
      {},
      "accept the conditions at",
    ],
    [
      "the wrong token",
      () => Object.assign(hub.repositories["org/model"], { token: "hf_right" }),
      { token: "hf_wrong" },
      "this token may lack access",
    ],
    [
      "no weights that are read",
      () => {
        const { files } = hub.repositories["org/model"];
        delete files["model.safetensors"];
        delete files["pytorch_model.bin"];
        files["tf_model.h5"] = "";
      },
      {},
      "or pytorch_model.bin or pytorch_model.bin.index.json, got config.json, tf_model.h5",
    ],
    [
      "a file that is refused",
      () => hub.faults.push({ file: "config.json", status: 404 }),
      {},
      "the repository must exist",
    ],
  ];
  test.each(cases)("%s", async (_name, prepare, options, message) => {
    prepare();
    const error = await errorOf(() => model("org/model", options));
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain(
      'fromPretrained: no folder "org/model" here, and as a repository of the Hub: ',
    );
    expect(error.message).toContain(message);
  });

  test("a repository without a tokenizer", async () => {
    const error = await errorOf(() => tokenizer("org/sharded"));
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain("the repository must hold one of tokenizer.json, vocab.txt");
  });

  test("tokens: option, variable, file; never shown to another host, nor sent when false", async () => {
    hub.repositories["org/model"].token = "hf_secret";
    await model("org/model", { token: "hf_secret" });
    await rm(join(home, "hub"), { recursive: true });
    process.env.HF_TOKEN = "hf_secret";
    await model();
    expect((await errorOf(() => model("org/model", { token: false }))).code).toBe("ERR_HUB");
    delete process.env.HF_TOKEN;
    await writeFile(join(home, "token"), "hf_secret\n");
    await model();
    expect(ofFile("model.safetensors").some((line) => line.startsWith("CDN"))).toBe(true);
    expect(hub.leaked).toEqual([]);
  });

  test.each<[string, HubOptions]>([
    ["revision", { revision: "../main" }],
    ["token", { token: "hf x" }],
    ["cacheDir", { cacheDir: "" }],
    ["localFilesOnly", { localFilesOnly: 1 as never }],
    ["onProgress", { onProgress: 1 as never }],
  ])("misuse of %s", async (name, options) => {
    const { AutoTokenizer } = await import("../../src/tokenizers/index.js");
    const error = await errorOf(() => AutoTokenizer.fromPretrained("plain", options));
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain(`AutoTokenizer.fromPretrained: ${name} must be`);
    expect(error.message).not.toContain("hf x");
  });

  test.each([
    ["HF_ENDPOINT", "huggingface.co"],
    ["HF_HUB_DOWNLOAD_TIMEOUT", "soon"],
  ])("a %s that makes no sense", async (name, value) => {
    process.env[name] = value;
    const error = await errorOf(() => model());
    expect(error).toEqual({ code: "ERR_ARGUMENT", message: expect.stringContaining(`hub: ${name} must be`) });
  });
});

describe("without a connection", () => {
  test("HF_HUB_OFFLINE and localFilesOnly take what is cached and ask nobody", async () => {
    const folder = await model();
    hub.requests.length = 0;
    process.env.HF_HUB_OFFLINE = "1";
    expect(await model()).toBe(folder);
    const tokens = await errorOf(() => tokenizer("org/model"));
    expect(tokens.message).toContain(
      "holds it without all that a tokenizer needs: run once with a connection",
    );
    const absent = await errorOf(() => model("org/sharded"));
    expect(absent.code).toBe("ERR_HUB");
    expect(absent.message).toContain('holds no revision "main" of it: run once with a connection');
    delete process.env.HF_HUB_OFFLINE;
    expect(await model("org/model", { localFilesOnly: true })).toBe(folder);
    expect(hub.requests).toEqual([]);
  });

  test.each<[string, FakeHub["down"]]>([
    ["status 503", 503],
    ["nothing for 400 ms", "silent"],
  ])("a Hub that answers %s: the cache if it is complete, else an error", async (came, down) => {
    hub.down = down;
    if (down === "silent") impatient();
    const error = await errorOf(() => model());
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain(`${hub.url} must answer (HF_ENDPOINT names another), got ${came}`);
    hub.down = undefined;
    delete process.env.HF_HUB_DOWNLOAD_TIMEOUT;
    const folder = await model();
    hub.down = down;
    if (down === "silent") impatient();
    expect(await model()).toBe(folder);
  });

  test("a silent Hub is given up however often memory is cleared up meanwhile", async () => {
    hub.down = "silent";
    impatient();
    setFlagsFromString("--expose-gc");
    const clearing = setInterval(runInNewContext("gc"), 20);
    try {
      expect((await errorOf(() => model())).message).toContain("got nothing for 400 ms");
    } finally {
      clearInterval(clearing);
    }
  });

  test("no host at all", async () => {
    process.env.HF_ENDPOINT = "http://127.0.0.1:9";
    const error = await errorOf(() => model());
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain("http://127.0.0.1:9 must answer");
  });

  test("an interrupted download is not taken for a complete one", async () => {
    Object.assign(hub.repositories["org/model"].files, { "vocab.txt": "[UNK]\n", "tokenizer.json": "{}" });
    hub.faults.push({ file: "tokenizer.json", cutAfter: 0, times: 100 });
    expect((await errorOf(() => tokenizer("org/model"))).code).toBe("ERR_HUB");
    expect((await errorOf(() => tokenizer("org/model", { localFilesOnly: true }))).code).toBe("ERR_HUB");
  });
});

describe("the cache", () => {
  test("a blob of the wrong size is fetched again, a dangling link mended", async () => {
    const folder = await model();
    await writeFile(join(home, "hub", "models--org--model", "blobs", sha256(weights)), "torn");
    expect((await readFile(join(await model(), "model.safetensors"))).equals(weights)).toBe(true);
    await rm(join(home, "hub", "models--org--model", "blobs"), { recursive: true });
    await model();
    expect((await lstat(join(folder, "model.safetensors"))).isSymbolicLink()).toBe(true);
    expect((await readFile(join(folder, "model.safetensors"))).equals(weights)).toBe(true);
  });

  test("lies where HF_HUB_CACHE or cacheDir says", async () => {
    process.env.HF_HUB_CACHE = join(home, "elsewhere");
    expect(await model()).toContain(join(home, "elsewhere", "models--org--model"));
    expect(await model("org/model", { cacheDir: join(home, "third") })).toContain(join(home, "third"));
  });

  test("that cannot be written to is an error that names it", async () => {
    await writeFile(join(home, "hub"), "a file");
    const error = await errorOf(() => model());
    expect(error.code).toBe("ERR_HUB");
    expect(error.message).toContain(join(home, "hub"));
  });
});
