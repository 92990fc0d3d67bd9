// Loading and saving: aliases, reports, fresh weights, shards, hostile folders. Files are made in a temporary
// folder from the reference fixtures.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cp, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from "../../src/models/auto.js";
import type { LoadReport } from "../../src/models/model.js";
import { readSafetensors, type SafetensorsSource, writeSafetensors } from "../../src/models/safetensors.js";
import { devices, memory, synchronize } from "../../src/tensor/device.js";
import { noGrad } from "../../src/tensor/scope.js";
import { modelFolder } from "../support/model-fixtures.js";
import { expectCode, expectCodeAsync, expectSameBits } from "../support/ops.js";

const small = {
  model_type: "bert",
  vocab_size: 500,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  max_position_embeddings: 32,
};
const examples = [{ inputIds: [5, 6, 7] }, { inputIds: [9, 10, 11, 12, 3] }];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-auto-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of a fixture whose tensors were changed. */
async function changed(
  name: string,
  fixture: string,
  change: (source: SafetensorsSource) => SafetensorsSource[],
): Promise<string> {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  await cp(join(modelFolder(fixture), "config.json"), join(target, "config.json"));
  const tensors = await readSafetensors(join(modelFolder(fixture), "model.safetensors"));
  const sources = [...tensors].flatMap(([key, { shape, data }]) =>
    change({ name: key, dtype: "F32", shape, data: () => data as Float32Array }),
  );
  await writeSafetensors(join(target, "model.safetensors"), sources);
  return target;
}

async function logits(model: Awaited<ReturnType<typeof AutoModel.fromPretrained>>): Promise<Float32Array> {
  const output = noGrad(() => model.forward(model.collate(examples)));
  return (await (output.logits ?? output.lastHiddenState).data()) as Float32Array;
}

describe("spellings", () => {
  const fixture = "bert-sequence-single-label";

  test.each([
    [
      "gamma and beta",
      (name: string) =>
        name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta"),
    ],
    ["no bert. prefix", (name: string) => name.replace(/^bert\./, "")],
  ])("%s load without complaint, to the same logits", async (label, rename) => {
    const target = await changed(`spelling-${label}`, fixture, (source) => [
      { ...source, name: rename(source.name) },
    ]);
    const model = await AutoModelForSequenceClassification.fromPretrained(target);
    expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    const original = await AutoModelForSequenceClassification.fromPretrained(modelFolder(fixture));
    expectSameBits(await logits(model), await logits(original), label);
  });

  test("stored I64 position ids mean nothing", async () => {
    const target = await changed("buffers", fixture, (source) => [source]);
    const tensors = await readSafetensors(join(target, "model.safetensors"));
    const sources: SafetensorsSource[] = [...tensors].map(([name, { shape, data }]) => ({
      name,
      dtype: "F32",
      shape,
      data: () => data as Float32Array,
    }));
    const ids = BigInt64Array.from({ length: 64 }, (_, i) => BigInt(i));
    sources.push({ name: "bert.embeddings.position_ids", dtype: "I64", shape: [1, 64], data: () => ids });
    await writeSafetensors(join(target, "model.safetensors"), sources);
    const model = await AutoModelForSequenceClassification.fromPretrained(target);
    expect(model.loadReport.unexpected).toEqual([]);
  });

  test("the bare model takes a head's checkpoint and reports what it leaves", async () => {
    const model = await AutoModel.fromPretrained(modelFolder(fixture));
    expect(model.loadReport).toEqual({
      missing: [],
      unexpected: ["classifier.bias", "classifier.weight"],
      mismatched: [],
    });
  });
});

describe("load report", () => {
  test("a head that the checkpoint lacks is missing, and fresh as its seed says", async () => {
    const reports: LoadReport[] = [];
    const options = { seed: 7, onReport: (report: LoadReport) => reports.push(report) };
    const load = () => AutoModelForTokenClassification.fromPretrained(modelFolder("bert-masked-lm"), options);
    const [a, b] = [await load(), await load()];
    expect(reports[0].missing).toEqual(["classifier.weight", "classifier.bias"]);
    expect(reports[0].unexpected.every((name) => name.startsWith("cls."))).toBe(true);
    expectSameBits(await logits(a), await logits(b), "same seed");
    expect(await a.parameters().get("classifier.bias")!.data()).toEqual(new Float32Array(2));
  });

  test("other sizes are an error that names them, or a fresh start on request", async () => {
    const source = modelFolder("bert-sequence-single-label");
    const labels = ["a", "b", "c", "d", "e"];
    await expectCodeAsync(
      AutoModelForSequenceClassification.fromPretrained(source, { labels }),
      "ERR_CHECKPOINT",
      /classifier\.\w+ must be \(5.*got \(3/,
    );
    const model = await AutoModelForSequenceClassification.fromPretrained(source, {
      labels,
      ignoreMismatchedSizes: true,
    });
    expect(model.loadReport.mismatched.map(({ name }) => name).sort()).toEqual([
      "classifier.bias",
      "classifier.weight",
    ]);
    expect((await logits(model)).length).toBe(2 * labels.length);
    expect(model.config.id2label).toEqual({ 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" });
  });
});

describe("fresh weights", () => {
  test("are distributed as Transformers' are", async () => {
    const model = await AutoModelForMaskedLM.fromConfig({ ...small, initializer_range: 0.05 }, { seed: 3 });
    const words = await model.parameters().get("bert.embeddings.word_embeddings.weight")!.data();
    expect(words.slice(0, small.hidden_size)).toEqual(new Float32Array(small.hidden_size)); // padding row
    const rest = Array.from(words.slice(small.hidden_size));
    const mean = rest.reduce((sum, x) => sum + x, 0) / rest.length;
    const std = Math.sqrt(rest.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rest.length);
    // 31,936 draws: the standard error of the mean is 2.8e-4, of the deviation 2e-4.
    expect(Math.abs(mean)).toBeLessThan(1.2e-3);
    expect(Math.abs(std - 0.05)).toBeLessThan(1e-3);
    for (const [name, t] of model.parameters()) {
      const data = await t.data();
      if (/LayerNorm\.weight$/.test(name)) expect(data.every((x) => x === 1)).toBe(true);
      else if (/bias$/.test(name)) expect(data.every((x) => x === 0)).toBe(true);
      else expect(data.some((x) => x !== 0)).toBe(true);
    }
  });

  test("follow the seed", async () => {
    const make = async (seed: number) => logits(await AutoModel.fromConfig(small, { seed }));
    const [a, b, c] = [await make(1), await make(1), await make(2)];
    expectSameBits(a, b, "same seed");
    expect(a).not.toEqual(c);
  });
});

describe("saving", () => {
  test("what is saved loads to the same bits, and saves to the same file", async () => {
    const model = await AutoModelForSequenceClassification.fromConfig(small, {
      labels: ["no", "yes"],
      seed: 4,
    });
    const [first, second] = [join(folder, "saved-1"), join(folder, "saved-2")];
    await model.savePretrained(first);
    const loaded = await AutoModelForSequenceClassification.fromPretrained(first);
    expect(loaded.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expectSameBits(await logits(loaded), await logits(model), "logits");
    await loaded.savePretrained(second);
    for (const file of ["model.safetensors", "config.json"]) {
      expect(await readFile(join(second, file))).toEqual(await readFile(join(first, file)));
    }
  });

  test("half-precision weights are widened", async () => {
    const target = await changed("bf16", "bert-model", (source) => {
      const bits = new Uint32Array((source.data() as Float32Array).slice().buffer);
      return [{ ...source, dtype: "BF16", data: () => Uint16Array.from(bits, (b) => b >>> 16) }];
    });
    const model = await AutoModel.fromPretrained(target);
    const original = await AutoModel.fromPretrained(modelFolder("bert-model"));
    for (const [name, t] of model.parameters()) {
      const wide = new Uint32Array(((await original.parameters().get(name)!.data()) as Float32Array).buffer);
      const cut = Float32Array.from(new Float32Array(wide.map((b) => b & 0xffff0000).buffer));
      expectSameBits(await t.data(), cut, name);
    }
  });
});

describe("folders that are not what they should be", () => {
  const load = (target: string) => AutoModelForSequenceClassification.fromPretrained(target);

  async function broken(name: string, config: string | null, weights = true): Promise<string> {
    const target = join(folder, name);
    await mkdir(target, { recursive: true });
    if (config !== null) writeFileSync(join(target, "config.json"), config);
    const source = join(modelFolder("bert-sequence-single-label"), "model.safetensors");
    if (weights) await cp(source, join(target, "model.safetensors"));
    return target;
  }

  test.each([
    ["no config", null, /config\.json/],
    ["not JSON", "{", /must be JSON/],
    ["an array", "[]", /must be an object/],
    ["no model_type", "{}", /model_type must be one of bert/],
    ["an unknown family", '{"model_type":"elsewhere"}', /model_type must be one of bert.*elsewhere/],
    ["negative sizes", '{"model_type":"bert","hidden_size":-1}', /hidden_size must be an integer from 1/],
    [
      "sizes that do not divide",
      '{"model_type":"bert","hidden_size":30,"num_attention_heads":4}',
      /multiple of num_attention_heads/,
    ],
    ["an unknown activation", '{"model_type":"bert","hidden_act":"swoosh"}', /hidden_act must be one of/],
    [
      "sizes that would fill any memory",
      '{"model_type":"bert","vocab_size":2000000000,"hidden_size":768}',
      /must be \(2000000000, 768\), got/,
    ],
  ])("%s", async (name, config, message) => {
    const before = memory().live;
    await expectCodeAsync(load(await broken(name, config)), "ERR_CHECKPOINT", message);
    expect(memory().live).toBeLessThanOrEqual(before);
  });

  test("a config with __proto__ as a key changes nobody's prototype", async () => {
    const own = await readFile(join(modelFolder("bert-sequence-single-label"), "config.json"), "utf8");
    const target = await broken("proto", own.replace("{", '{ "__proto__": { "polluted": true },'));
    const model = await load(target);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect((model.config as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("weights cut short", async () => {
    const config = await readFile(join(modelFolder("bert-sequence-single-label"), "config.json"), "utf8");
    const target = await broken("short", config);
    await truncate(join(target, "model.safetensors"), 50_000);
    await expectCodeAsync(load(target), "ERR_CHECKPOINT", /model\.safetensors/);
    await synchronize();
  });

  test("weights cut short between the header's check and the read", async () => {
    const config = await readFile(join(modelFolder("bert-sequence-single-label"), "config.json"), "utf8");
    const target = await broken("racing", config);
    const file = join(target, "model.safetensors");
    const { planLoad, readWeights } = await import("../../src/models/checkpoint.js");
    const { resolveCheckpoint } = await import("../../src/models/checkpoint-files.js");
    const model = await load(target);
    const rules = { prefix: "bert.", aliases: [], ignored: [] };
    const plan = planLoad(model.store, await resolveCheckpoint(target), rules, { folder: target });
    await truncate(file, 50_000);
    await expectCodeAsync(readWeights(plan), "ERR_CHECKPOINT", /cut short/);
  });

  test("a pickle that is none", async () => {
    const target = await broken("pickle", JSON.stringify(small), false);
    await writeFile(join(target, "pytorch_model.bin"), "x");
    await expectCodeAsync(load(target), "ERR_CHECKPOINT", /pytorch_model\.bin: needs an archive or a pickle/);
  });

  test("arguments that make no sense", async () => {
    await expectCodeAsync(load(undefined as unknown as string), "ERR_ARGUMENT", /folder must be a string/);
    const from = (options: object) => AutoModel.fromConfig(small, options);
    await expectCodeAsync(
      from({ priority: "urgent" }),
      "ERR_ARGUMENT",
      /priority must be one of high, normal, low/,
    );
    const { reason } = devices().at(-1)!;
    if (reason) await expectCodeAsync(from({ device: "cuda" }), "ERR_CUDA", reason);
    await expectCodeAsync(from({ device: "abacus" }), "ERR_ARGUMENT", /abacus/);
    await expectCodeAsync(from({ labels: ["a", "a"] }), "ERR_ARGUMENT", /labels/);
    await expectCodeAsync(
      AutoModel.fromPretrained(modelFolder("bert-model"), { dtype: "fp4" as "int8" }),
      "ERR_ARGUMENT",
      /dtype must be "f32", "bf16" or "int8", got "fp4"/,
    );
  });

  test("a disposed model says so", async () => {
    const model = await AutoModel.fromConfig(small);
    model.dispose();
    model.dispose();
    expectCode(() => model.collate(examples), "ERR_DISPOSED", /model was disposed/);
  });
});
