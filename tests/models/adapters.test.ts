// LoRA and bottleneck adapters against PEFT 0.21.0 and PyTorch (fixtures/make/make_adapters.py); files, merging, freezing.
// Long because all kinds go through the same cases.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type Adapter,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  addAdapters,
  addLora,
  type BottleneckOptions,
  Generator,
  type Lora,
  type LoraOptions,
  loadAdapter,
  type Model,
  Trainer,
  textClassification,
} from "../../src/index.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { noGrad } from "../../src/tensor/scope.js";
import { examplesOf, modelCase, modelFolder } from "../support/model-fixtures.js";
import { expectClose, expectCode, expectCodeAsync, expectSameBits } from "../support/ops.js";
import { randomData } from "../support/random.js";
import { repositoryFile } from "../tasks/language-support.js";
import { bitsOf, tinyModel, tinyRows, tinyTokenizer } from "../training/support.js";

const base = "bert-sequence-single-label";
const fixture = (name: string) => repositoryFile(`tests/fixtures/adapters/${name}`);
const load = () => AutoModelForSequenceClassification.fromPretrained(modelFolder(base));
const examples = async () => examplesOf(await modelCase(base));
const logitsOf = async (model: Model) =>
  noGrad(() =>
    model.forward(model.collate([{ inputIds: [5, 6, 7, 8, 9] }, { inputIds: [11, 12] }])),
  ).logits.data();

/** The files of the fixture with another config. */
function loraWith(change: object): string {
  const changed = mkdtempSync(join(folder, "lora-"));
  const read = (file: string) => readFileSync(join(fixture("lora"), file));
  writeFileSync(join(changed, "adapter_model.safetensors"), read("adapter_model.safetensors"));
  const config = { ...JSON.parse(read("adapter_config.json").toString()), ...change };
  writeFileSync(join(changed, "adapter_config.json"), JSON.stringify(config));
  return changed;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-adapters-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(["lora", "houlsby", "pfeiffer"])(
  "%s (torch 2.13.0, transformers 5.18.0, peft 0.21.0)",
  (name) => {
    test("logits, loss, every gradient, and none for what is frozen", async () => {
      const model = await load();
      const adapter = await loadAdapter(model, fixture(name));
      const wanted = await readSafetensors(join(fixture(name), "case.safetensors"));
      const numbersOf = (key: string) => Array.from(wanted.get(key)!.data as Float32Array);
      const output = model.forward(model.collate(await examples()));
      expectClose(await output.logits.data(), numbersOf("output.logits"), 2e-5, "logits");
      expectClose(await output.loss!.data(), numbersOf("output.loss"), 2e-5, "loss");
      output.loss!.backward();
      const gradients = [...wanted.keys()]
        .filter((key) => key.startsWith("grad."))
        .map((key) => key.slice(5));
      expect([...adapter.parameters().keys()].sort()).toEqual(gradients.sort());
      for (const [parameter, { grad }] of model.parameters()) {
        if (!gradients.includes(parameter)) expect([parameter, grad]).toEqual([parameter, null]);
        else expectClose(await grad!.data(), numbersOf(`grad.${parameter}`), 2e-5, parameter);
      }
      model.dispose();
    });

    test("what is saved is what was loaded, byte for byte", async () => {
      const model = await load();
      const adapter = await loadAdapter(model, fixture(name));
      await adapter.save(join(folder, name));
      const file = (where: string) => readFileSync(join(where, "adapter_model.safetensors"));
      expect(file(join(folder, name)).equals(file(fixture(name)))).toBe(true);
      model.dispose();
    });
  },
);

/** Names whose bits differ. */
const differences = (a: Map<string, string>, b: Map<string, string>) =>
  [...a.keys()].filter((name) => a.get(name) !== b.get(name));

describe("LoRA", () => {
  let model: Model;
  beforeEach(async () => {
    model?.dispose();
    model = await load();
  });
  afterAll(() => model.dispose());

  test("merged gives the logits of unmerged and of PEFT's merged model; unmerging gives the old bits", async () => {
    const lora = (await loadAdapter(model, fixture("lora"))) as Lora;
    const before = await bitsOf(model.parameters());
    const batch = model.collate(await examples());
    const logits = () => noGrad(() => model.forward(batch)).logits.data();
    const unmerged = await logits();
    const refused =
      /savePretrained: needs a model whose adapter is merged or removed, got Lora: adapter\.save/;
    await expectCodeAsync(model.savePretrained(join(folder, "with")), "ERR_ARGUMENT", refused);
    expect(existsSync(join(folder, "with"))).toBe(false);
    lora.merge().merge();
    await model.savePretrained(join(folder, "with"));
    const saved = await AutoModelForSequenceClassification.fromPretrained(join(folder, "with"));
    expect(saved.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    saved.dispose();
    const merged = await logits();
    expectClose(merged, Array.from(unmerged), 2e-5, "merged");
    expect(differences(before, await bitsOf(model.parameters())).length).toBe(6);
    const peft = (await readSafetensors(join(fixture("lora"), "case.safetensors"))).get(
      "output.merged_logits",
    )!;
    expectClose(merged, Array.from(peft.data as Float32Array), 2e-5, "PEFT's");
    await expectCodeAsync(lora.save(join(folder, "merged")), "ERR_ARGUMENT", "must be unmerged");
    lora.unmerge().unmerge();
    expectSameBits(await logits(), unmerged, "unmerged");
    expect(differences(before, await bitsOf(model.parameters()))).toEqual([]);
  });

  test("merged and unloaded is a plain model, which is saved and loaded as such", async () => {
    const lora = (await loadAdapter(model, fixture("lora"))) as Lora;
    const wanted = await logitsOf(model);
    const parameters = [...(await load()).parameters().keys()];
    expect([...lora.mergeAndUnload().parameters().keys()]).toEqual(parameters);
    expect(model.adapter).toBeUndefined();
    await model.savePretrained(join(folder, "plain"));
    const plain = await AutoModelForSequenceClassification.fromPretrained(join(folder, "plain"));
    expect(plain.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expectClose(await logitsOf(plain), Array.from(wanted), 2e-5, "logits");
    expect([...model.parameters().values()].every(({ requiresGrad }) => requiresGrad)).toBe(true);
    plain.dispose();
  });

  test("changes nothing when it is added, and nothing is left when it is removed", async () => {
    const [before, logits] = [await bitsOf(model.parameters()), await logitsOf(model)];
    model.freeze({ layers: [0] });
    const lora = addLora(model, { rank: 2, alpha: 8 });
    expect(lora.targetModules).toEqual(["query", "value"]);
    expect(lora.modulesToSave).toEqual(["classifier"]);
    expectSameBits(await logitsOf(model), logits, "logits");
    const frozen = [...model.parameters()]
      .filter(([, { requiresGrad }]) => !requiresGrad)
      .map(([name]) => name);
    expect(frozen.length).toBe(before.size - 2);
    lora.remove();
    expect(differences(before, await bitsOf(model.parameters()))).toEqual([]);
    expect([...model.parameters().keys()]).toEqual([...before.keys()]);
    const still = [...model.parameters()].filter(([, { requiresGrad }]) => !requiresGrad);
    expect(still.every(([name]) => name.includes("layer.0."))).toBe(true);
    expectCode(() => lora.merge(), "ERR_DISPOSED", "was removed");
    addLora(model).remove();
  });

  test("A starts uniform within 1 / sqrt(in), by the seed", async () => {
    const start = async (seed: number) => {
      const lora = addLora(model, { rank: 16, targetModules: /intermediate/, seed });
      expect(lora.targetModules).toEqual([0, 1].map((i) => `bert.encoder.layer.${i}.intermediate.dense`));
      const own = [...lora.parameters()].filter(([name]) => lora.names.has(name));
      const [a, b] = await Promise.all(own.map(([, t]) => t.data()));
      lora.remove();
      expect(b.every((value) => value === 0)).toBe(true);
      return a as Float32Array;
    };
    const [a, again, other] = [await start(1), await start(1), await start(2)];
    const bound = 1 / Math.sqrt(32);
    expect(a.every((value) => Math.abs(value) <= bound)).toBe(true);
    expect(a.reduce((sum, value) => sum + value * value, 0) / a.length / (bound ** 2 / 3)).toBeCloseTo(1, 0);
    expectSameBits(again, a, "same seed");
    expect(Array.from(other)).not.toEqual(Array.from(a));
  });

  test("dropout drops while training alone", async () => {
    const lora = (await loadAdapter(model, fixture("lora"))) as Lora;
    expect(lora.dropout).toBe(0.1);
    const plain = await logitsOf(model.eval());
    expectSameBits(await logitsOf(model), plain, "eval");
    expect(Array.from(await logitsOf(model.train()))).not.toEqual(Array.from(plain));
  });

  test("recomputed layers give the same bits, dropout and all", async () => {
    const lora = (await loadAdapter(model, fixture("lora"))) as Lora;
    const gradients = async (recompute: boolean) => {
      model.generator = new Generator(3);
      for (const parameter of model.parameters().values()) parameter.grad = null;
      model.train().gradientCheckpointing = recompute;
      model.forward(model.collate(await examples())).loss!.backward();
      return bitsOf(new Map([...lora.parameters()].map(([name, { grad }]) => [name, grad!])));
    };
    const [kept, recomputed] = [await gradients(false), await gradients(true)];
    expect(differences(kept, recomputed)).toEqual([]);
  });

  test("works over weights in fewer bits, which it cannot be merged into", async () => {
    const int8 = await AutoModelForSequenceClassification.fromPretrained(modelFolder(base), {
      dtype: "int8",
    });
    const lora = (await loadAdapter(int8, fixture("lora"))) as Lora;
    await loadAdapter(model, fixture("lora"));
    expectClose(await logitsOf(int8), Array.from(await logitsOf(model)), 0.1, "logits");
    expectCode(() => lora.merge(), "ERR_DTYPE", "needs weights in f32, got int8");
    int8.dispose();
  });
});

describe.each([
  [
    "LoRA",
    (model: Model): Adapter =>
      addLora(model, { rank: 4, alpha: 16, targetModules: ["query", "value", "dense"] }),
  ],
  ["Houlsby's adapters", (model: Model): Adapter => addAdapters(model, { placement: "houlsby", size: 8 })],
  ["Pfeiffer's adapters", (model: Model): Adapter => addAdapters(model, { size: 16 })],
])("%s", (name, add) => {
  test("learn, leave the base's bits alone, resume from checkpoints, load in a fresh process", async () => {
    const [train, held] = [tinyRows(200), tinyRows(60, 9)];
    const tokenizer = tinyTokenizer();
    const outputFolder = join(folder, name.replaceAll(/\W/g, "-"));
    const args = { epochs: 12, learningRate: 1e-2, batchSize: 16, seed: 5 };
    const model = await tinyModel({}, 7);
    await model.savePretrained(join(outputFolder, "base"));
    const base = await bitsOf(model.parameters());
    const adapter = add(model);
    const rows = { tokenizer, task: textClassification(), train, eval: held };
    const saving = { ...args, outputFolder, saveEvery: 60 };
    const { metrics } = await new Trainer({ model, ...rows, args: saving }).train();
    expect(metrics!.accuracy).toBeGreaterThan(0.9);
    expect(differences(base, await bitsOf(model.parameters()))).toEqual([
      "classifier.weight",
      "classifier.bias",
    ]);

    if (name === "LoRA") {
      const again = await tinyModel({}, 7);
      add(again);
      const resume = join(outputFolder, "checkpoint-60");
      await new Trainer({ model: again, ...rows, args: { ...saving, resume } }).train();
      expect(differences(await bitsOf(model.parameters()), await bitsOf(again.parameters()))).toEqual([]);
      again.dispose();
    }

    const small = join(outputFolder, "adapter");
    await adapter.save(small);
    const bytes = (file: string) => statSync(join(outputFolder, file)).size;
    expect(bytes("adapter/adapter_model.safetensors")).toBeLessThan(bytes("base/model.safetensors") / 2);
    const script = repositoryFile("dist/tests/models/adapter-child.js");
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      join(outputFolder, "base"),
      small,
    ]);
    const logits = await noGrad(() =>
      model.eval().forward(model.collate([{ inputIds: [2, 9, 14, 3] }])),
    ).logits.data();
    expect(JSON.parse(stdout)).toEqual(Array.from(logits));
    model.dispose();
  });
});

describe.each(["t5-gated-gelu-untied", "bart-conditional", "marian-mt"])("LoRA on %s", (name) => {
  test("in every product gives what merged weights give, and gradients to nothing else", async () => {
    const model = await AutoModelForSeq2SeqLM.fromPretrained(modelFolder(name));
    expect(model.store.places.linear.length).toBeGreaterThan(10);
    const one = addLora(model);
    expect(one.targetModules.length).toBe(2);
    expect(one.modulesToSave).toEqual([]);
    one.remove();
    const lora = addLora(model, { rank: 2, targetModules: /./ });
    for (const [i, parameter] of [...lora.parameters().values()].entries()) {
      parameter.set(randomData(parameter.shape, i + 1, 0.2));
    }
    const batch = model.collate(examplesOf(await modelCase(name)));
    const output = model.forward(batch);
    output.loss!.backward();
    for (const [parameter, { grad }] of model.parameters()) {
      expect([parameter, grad !== null]).toEqual([parameter, lora.names.has(parameter)]);
    }
    lora.merge();
    const merged = noGrad(() => model.forward(batch));
    expectClose(await merged.logits.data(), Array.from(await output.logits.data()), 2e-5, "logits");
    model.dispose();
  });
});

describe("misuse", () => {
  let model: Model;
  beforeAll(async () => {
    model = await load();
  });
  afterAll(() => model.dispose());

  const lora: [LoraOptions, RegExp][] = [
    [{ rank: 0 }, /addLora: rank must be an integer from 1, got 0/],
    [{ rank: 1.5 }, /rank must be an integer from 1, got 1.5/],
    [{ alpha: Number.NaN }, /alpha must be a number, got NaN/],
    [{ dropout: 1 }, /dropout must be a number from 0 to below 1, got 1/],
    [
      { targetModules: ["query", "q_proj"] },
      /targetModules must be names of products \(query, key, .*got "q_proj"/,
    ],
    [{ targetModules: /nothing/ }, /targetModules must be names .* got \/nothing\//],
    [{ targetModules: [] }, /targetModules must be names .* got none/],
    [
      { targetModules: "query" as never },
      /targetModules must be a list of names or a regular expression, got query/,
    ],
    [
      { modulesToSave: ["head"] },
      /modulesToSave must be names of modules \(bert, classifier, \.\.\.\), got "head"/,
    ],
  ];
  test.each(lora)("LoRA %p", (options, message) => {
    expectCode(() => addLora(model, options), "ERR_ARGUMENT", message);
    expect(model.adapter).toBeUndefined();
  });

  const adapters: [BottleneckOptions, RegExp][] = [
    [{ size: 0 }, /addAdapters: size must be an integer from 1, got 0/],
    [{ placement: "parallel" as never }, /placement must be one of houlsby, pfeiffer, got parallel/],
    [{ activation: "swoosh" }, /addAdapters: activation must be one of .* got swoosh/],
  ];
  test.each(adapters)("adapters %p", (options, message) => {
    expectCode(() => addAdapters(model, options), "ERR_ARGUMENT", message);
    expect(model.adapter).toBeUndefined();
  });

  test("more than there is memory for: the model is what it was", async () => {
    const [before, logits] = [[...model.parameters().keys()], await logitsOf(model)];
    expectCode(() => addLora(model, { rank: 2 ** 40 }), "ERR_OUT_OF_MEMORY", /bytes were needed/);
    expectCode(() => addAdapters(model, { size: 2 ** 40 }), "ERR_OUT_OF_MEMORY", /bytes were needed/);
    expect([model.adapter, [...model.parameters().keys()]]).toEqual([undefined, before]);
    expectSameBits(await logitsOf(model), logits, "logits");
    addLora(model).remove();
  });

  test("a second one", () => {
    const first = addLora(model);
    expectCode(() => addAdapters(model), "ERR_ARGUMENT", "must have no adapter yet");
    first.remove();
  });

  const configs: [string, Record<string, unknown>, RegExp][] = [
    ["another kind", { peft_type: "IA3" }, /peft_type must be LORA, got "IA3"/],
    ["biases", { bias: "all" }, /bias must be "none", got "all"/],
    ["DoRA", { use_dora: true }, /use_dora must be left out, got true/],
    ["ranks by name", { rank_pattern: { query: 8 } }, /rank_pattern must be left out/],
    ["no expression", { target_modules: "(query" }, /target_modules must be names or a regular expression/],
    ["one that could backtrack for years", { target_modules: "(.*.*)*(\\w+\\s?)*(a|a)*!" }, /got none/],
    ["no rank", { r: 0 }, /rank must be an integer from 1, got 0/],
    ["other targets", { target_modules: ["q_proj"] }, /targetModules must be names of products/],
    ["more targets", { target_modules: ["query", "value"] }, /tensors must be of the adapter.*intermediate/],
    [
      "fewer tensors",
      { target_modules: ["query", "value", "key", "intermediate.dense"] },
      /needs the tensor .*key.lora_A/,
    ],
    ["another rank", { r: 4 }, /lora_A.weight must be \(4, 32\), got \(3, 32\)/],
    ["the model's other modules", { modules_to_save: [] }, /tensors must be of the adapter.*classifier/],
  ];
  test.each(configs)("a file with %s", async (_, change, message) => {
    const odd = loraWith(change);
    const before = [...model.parameters().keys()];
    await expectCodeAsync(loadAdapter(model, odd), "ERR_CHECKPOINT", message);
    expect(model.adapter).toBeUndefined();
    expect([...model.parameters().keys()]).toEqual(before);
  });

  test("targets as an expression for whole names", async () => {
    const names = async (from: string) => {
      const lora = await loadAdapter(model, from);
      lora.remove();
      return [...lora.names];
    };
    const target_modules = "(?!cls).*\\.(query|value|intermediate\\.dense)";
    expect(await names(loraWith({ target_modules }))).toEqual(await names(fixture("lora")));
  });

  test("a folder without files", async () => {
    await expectCodeAsync(loadAdapter(model, join(folder, "none")), "ERR_CHECKPOINT", "adapter_config.json");
  });

  test("families without places for adapters", async () => {
    const gpt2 = await AutoModelForCausalLM.fromPretrained(modelFolder("gpt2-lm"));
    const message = "addAdapters: model must be one with layers that adapters can be put into, got none";
    expectCode(() => addAdapters(gpt2), "ERR_ARGUMENT", message);
    gpt2.dispose();
  });

  test("of other heads' defaults: language models keep theirs frozen, bare models have none", async () => {
    const masked = await AutoModelForMaskedLM.fromPretrained(modelFolder("bert-masked-lm"));
    const bare = await AutoModel.fromPretrained(modelFolder("bert-model"));
    const pair = await AutoModelForSeq2SeqLM.fromPretrained(modelFolder("encoder-decoder-bert-pair"));
    for (const one of [masked, bare, pair]) {
      const own = addLora(one);
      expect(own.modulesToSave).toEqual([]);
      expect([...own.parameters().keys()].every((parameter) => parameter.includes(".lora_"))).toBe(true);
      one.dispose();
    }
  });
});
