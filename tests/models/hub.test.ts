// A model and its tokenizer by the name of a repository: served by a small Hub on this machine (tests/hub/server.ts).
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { AutoModelForSequenceClassification, AutoTokenizer, type HubProgress } from "../../src/index.js";
import { errorOf } from "../data/temporary.js";
import { fakeHub } from "../hub/server.js";

const fixture = fileURLToPath(
  new URL("../../../tests/fixtures/models/bert-sequence-single-label/", import.meta.url),
);

test("fromPretrained takes the name of a repository", async () => {
  const home = await mkdtemp(join(tmpdir(), "athanor-hub-"));
  const before = { ...process.env };
  const files = {
    "config.json": await readFile(join(fixture, "config.json")),
    "model.safetensors": await readFile(join(fixture, "model.safetensors")),
    "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n",
    "tokenizer_config.json": '{"tokenizer_class":"BertTokenizer"}',
  };
  const hub = await fakeHub({ "org/bert": { files, large: ["model.safetensors"], token: "hf_secret" } });
  try {
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HOME: home, HF_TOKEN: "" });
    const done: string[] = [];
    const onProgress = (progress: HubProgress) => void (progress.done && done.push(progress.file));
    const refused = await errorOf(() => AutoModelForSequenceClassification.fromPretrained("org/bert"));
    expect(refused.code).toBe("ERR_HUB");
    expect(refused.message).toContain('no folder "org/bert" here, and as a repository of the Hub: ');

    const options = { token: "hf_secret", onProgress };
    const model = await AutoModelForSequenceClassification.fromPretrained("org/bert", options);
    const local = await AutoModelForSequenceClassification.fromPretrained(fixture);
    const tokenizer = await AutoTokenizer.fromPretrained("org/bert", { ...options, doLowerCase: true });
    expect(done.sort()).toEqual(Object.keys(files).sort());
    const example = tokenizer.encode("Hello world");
    expect(Array.from(example.ids)).toEqual([2, 5, 6, 3]);
    const logits = async (one: typeof model) =>
      Array.from(await one.forward(one.collate([example])).logits.data());
    expect(await logits(model)).toEqual(await logits(local));

    const offline = { localFilesOnly: true };
    const again = await AutoModelForSequenceClassification.fromPretrained("org/bert", offline);
    expect(await logits(again)).toEqual(await logits(local));
    for (const one of [model, local, again]) one.dispose();
    expect(await readdir(join(home, "hub"))).toEqual(["models--org--bert"]);
  } finally {
    await hub.close();
    await rm(home, { recursive: true, force: true });
    for (const name of ["HF_ENDPOINT", "HF_HOME", "HF_TOKEN"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});
