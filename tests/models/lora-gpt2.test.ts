// LoRA on GPT-2, whose weights lie (in, out), against PEFT 0.21.0 (fixtures/make/make_adapters.py).
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  AutoModelForCausalLM,
  addLora,
  type Lora,
  loadAdapter,
  type Model,
  noGrad,
} from "../../src/index.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { inFolder } from "../data/temporary.js";
import { examplesOf, modelCase, modelFolder, realRows } from "../support/model-fixtures.js";
import { expectClose, expectCodeAsync, expectSameBits } from "../support/ops.js";
import { repositoryFile } from "../tasks/language-support.js";
import { bitsOf } from "../training/support.js";

const base = "gpt2-lm";
const fixture = repositoryFile("tests/fixtures/adapters/lora-gpt2");
const tolerance = 2e-5; // of the model fixtures

let model: Model;
beforeEach(async () => {
  model = await AutoModelForCausalLM.fromPretrained(modelFolder(base));
});
afterEach(() => model.dispose());

const load = async () => (await loadAdapter(model, fixture)) as Lora;
const batchOf = async (of: Model) => of.collate(examplesOf(await modelCase(base)));
const logitsOf = async (of: Model) => {
  const batch = await batchOf(of);
  return (await noGrad(() => of.forward(batch)).logits.data()) as Float32Array;
};

/** PEFT's numbers; of logits the rows of tokens that are there. */
async function wanted(name: string): Promise<number[]> {
  const { data } = (await readSafetensors(join(fixture, "case.safetensors"))).get(name)!;
  const all = Array.from(data as Float32Array);
  if (!name.endsWith("logits")) return all;
  const rows = realRows(await modelCase(base));
  const width = all.length / rows.length;
  return all.filter((_, i) => rows[Math.floor(i / width)]);
}

test("logits, loss and every gradient are PEFT's; nothing else has one", async () => {
  const lora = await load();
  expect(lora.names.size).toBe(2 * 2 * 4);
  const output = model.forward(await batchOf(model));
  expectClose(await output.logits.data(), await wanted("output.logits"), tolerance, "logits");
  expectClose(await output.loss!.data(), await wanted("output.loss"), tolerance, "loss");
  output.loss!.backward();
  for (const [name, { grad }] of model.parameters()) {
    if (!lora.names.has(name)) expect([name, grad]).toEqual([name, null]);
    else expectClose(await grad!.data(), await wanted(`grad.${name}`), tolerance, name);
  }
});

test("merged gives what unmerged and PEFT's merged model give; unmerging gives the old bits", async () => {
  const lora = await load();
  model.freeze(/h\.0.*lora_A/);
  const trained = () => [...model.parameters()].filter(([, t]) => t.requiresGrad).map(([name]) => name);
  const [before, unmerged, learning] = [await bitsOf(model.parameters()), await logitsOf(model), trained()];
  expect(learning).toHaveLength(12);
  lora.merge();
  expect(trained()).toEqual([]);
  const merged = await logitsOf(model);
  expect(Array.from(merged)).not.toEqual(Array.from(unmerged));
  expectClose(merged, Array.from(unmerged), tolerance, "unmerged");
  expectClose(merged, await wanted("output.merged_logits"), tolerance, "PEFT's");
  lora.unmerge();
  expect(trained()).toEqual(learning);
  expect(await bitsOf(model.parameters())).toEqual(before);
  expectSameBits(await logitsOf(model), unmerged, "unmerged again");
  lora.mergeAndUnload();
  await inFolder(async (folder) => {
    await model.savePretrained(folder);
    const plain = await AutoModelForCausalLM.fromPretrained(folder);
    expect(plain.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expectSameBits(await logitsOf(plain), merged, "saved");
    plain.dispose();
  });
});

test("saved, the file is PEFT's byte for byte and its config says how weights lie; a fresh process loads it", async () => {
  const lora = await load();
  await inFolder(async (folder) => {
    await lora.save(folder);
    const [ours, peft] = await Promise.all(
      [folder, fixture].map((from) => readFile(join(from, "adapter_model.safetensors"))),
    );
    expect(ours.equals(peft)).toBe(true);
    const config = JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8"));
    const { fan_in_fan_out, target_modules } = JSON.parse(
      await readFile(join(fixture, "adapter_config.json"), "utf8"),
    );
    expect(fan_in_fan_out).toBe(true);
    expect(config).toMatchObject({ fan_in_fan_out, r: 3, lora_alpha: 6 });
    expect([...config.target_modules].sort()).toEqual([...target_modules].sort());
    // PEFT goes by the layers, whatever the config says.
    await writeFile(
      join(folder, "adapter_config.json"),
      JSON.stringify({ ...config, fan_in_fan_out: false }),
    );
    const script = repositoryFile("dist/tests/models/adapter-child.js");
    const { stdout } = await promisify(execFile)(process.execPath, [script, modelFolder(base), folder]);
    const here = noGrad(() => model.forward(model.collate([{ inputIds: [2, 9, 14, 3] }]))).logits;
    expect(JSON.parse(stdout)).toEqual(Array.from(await here.data()));
  });
});

test("goes to c_attn by itself, and starts with no change", async () => {
  const before = await logitsOf(model);
  const lora = addLora(model, { rank: 4 });
  expect(lora.targetModules).toEqual(["c_attn"]);
  expect(lora.modulesToSave).toEqual([]);
  const shapes = [...lora.parameters()].slice(0, 2).map(([name, { shape }]) => [name, shape]);
  expect(shapes).toEqual([
    ["transformer.h.0.attn.c_attn.lora_A.weight", [4, 64]],
    ["transformer.h.0.attn.c_attn.lora_B.weight", [192, 4]],
  ]);
  expectSameBits(await logitsOf(model), before, "logits");
});

test.each(["bf16", "int8"] as const)("over weights in %s", async (dtype) => {
  const small = await AutoModelForCausalLM.fromPretrained(modelFolder(base), { dtype });
  if (dtype === "bf16" && small.device !== "cpu") {
    await expectCodeAsync(loadAdapter(small, fixture), "ERR_DTYPE", "needs weights in f32 or int8 on a GPU");
    small.dispose();
    return;
  }
  await load();
  await loadAdapter(small, fixture);
  const [found, exact] = [await logitsOf(small), await logitsOf(model)];
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i])), 0);
  expect(worst).toBeLessThan(0.1 * exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  small.dispose();
});
