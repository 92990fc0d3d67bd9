// What the tests of the Hub share: a server with three repositories, a fresh cache for every test, the environment
// put back at the end.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { type HubOptions, pretrainedFolder } from "../../src/hub/index.js";
import { MODEL_FILES } from "../../src/models/hub-files.js";
import { TOKENIZER_FILES } from "../../src/tokenizers/hub-files.js";
import { type FakeHub, fakeHub } from "./server.js";

export const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
export const shards = {
  "model-00001-of-00002.safetensors": "first",
  "model-00002-of-00002.safetensors": "second",
};
const index = JSON.stringify({
  metadata: {},
  weight_map: { a: Object.keys(shards)[0], b: Object.keys(shards)[1] },
});
const VARIABLES = [
  "HF_ENDPOINT",
  "HF_HOME",
  "HF_HUB_OFFLINE",
  "HF_TOKEN",
  "HF_HUB_DOWNLOAD_TIMEOUT",
  "HF_HUB_CACHE",
];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));

export let hub: FakeHub;
/** HF_HOME of the test. */
export let home: string;

/** The Hub is given up after 400 ms: only where it says nothing, as a busy machine is slow to answer, too. */
export function impatient(): void {
  process.env.HF_HUB_DOWNLOAD_TIMEOUT = "0.4";
}

/** To be called once in a file of tests. */
export function useHub(): void {
  beforeAll(async () => {
    hub = await fakeHub({});
  });
  afterAll(async () => {
    await hub.close();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "athanor-hub-"));
    for (const name of VARIABLES) delete process.env[name];
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HOME: home });
    hub.requests.length = 0;
    hub.faults.length = 0;
    hub.down = undefined;
    hub.repositories = {
      "org/model": {
        files: {
          "config.json": '{"model_type":"bert"}',
          "model.safetensors": weights,
          "pytorch_model.bin": "pickle",
        },
        large: ["model.safetensors", "pytorch_model.bin"],
      },
      plain: { files: { "vocab.txt": "[PAD]\n[UNK]\n", "README.md": "# plain" } },
      "org/sharded": {
        files: {
          "config.json": "{}",
          "model.safetensors.index.json": index,
          ...shards,
          "other.safetensors": "x",
        },
        large: Object.keys(shards),
      },
    };
  });
  afterEach(() => rm(home, { recursive: true, force: true }));
}

export const model = (name = "org/model", options: HubOptions = {}) =>
  pretrainedFolder("fromPretrained", name, MODEL_FILES, options);
export const tokenizer = (name: string, options: HubOptions = {}) =>
  pretrainedFolder("AutoTokenizer.fromPretrained", name, TOKENIZER_FILES, options);
export const ofFile = (file: string) => hub.requests.filter((line) => line.includes(file));

export async function blobs(repository = "models--org--model"): Promise<string[]> {
  return (await readdir(join(home, "hub", repository, "blobs")).catch(() => [])).sort();
}
