import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { readSafetensors } from "../../src/models/safetensors.js";
import { engineState, synchronize } from "../../src/tensor/device.js";
import { mul } from "../../src/tensor/ops/elementwise.js";
import { sum } from "../../src/tensor/ops/reduce.js";
import { scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { Adagrad, AdamW, type Optimizer, RmsProp, Sgd } from "../../src/training/index.js";
import { isBiasOrNorm } from "../../src/training/optimizers/parameter-groups.js";
import { inFolder } from "../data/temporary.js";
import { expectClose, fixtureCases, type OpCase } from "../support/ops.js";
import { bitsOf } from "./support.js";

const code = (wanted: string) => expect.objectContaining({ code: wanted });

const made: Map<string, Tensor>[] = [];

const optimizers: { dispose(): void }[] = [];

/** Frees an optimizer after the test. (Jest's realms lack Symbol.dispose, so no `using`.) */
function freed<T extends { dispose(): void }>(optimizer: T): T {
  optimizers.push(optimizer);
  return optimizer;
}

afterEach(() => {
  for (const optimizer of optimizers.splice(0)) optimizer.dispose();
  for (const parameters of made.splice(0)) for (const parameter of parameters.values()) parameter.dispose();
});

/** Two parameters; the loss is the sum of their cubes. */
function parametersOf(): Map<string, Tensor> {
  const parameters = new Map([
    ["dense.weight", tensor([0.5, -1.5, 2, 0.25, 1, -0.75], [2, 3], { requiresGrad: true })],
    ["dense.bias", tensor([0.125, -2], [2], { requiresGrad: true })],
  ]);
  made.push(parameters);
  return parameters;
}

function makeGradients(parameters: Map<string, Tensor>): void {
  scope(() => {
    for (const p of parameters.values()) if (p.requiresGrad) sum(mul(mul(p, p), p)).backward();
  });
}

function step(optimizer: Optimizer, parameters: Map<string, Tensor>, times = 1): void {
  for (let i = 0; i < times; i++) {
    makeGradients(parameters);
    optimizer.step({ maxGradNorm: 1 }).gradNorm.dispose();
    optimizer.zeroGrad();
  }
}

test("parameters without weight decay are those of Transformers' Trainer", () => {
  // From dist/tests/training/ to tests/fixtures/models/ of the repository.
  const folder = new URL("../../../tests/fixtures/models/", import.meta.url);
  const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(cases.length).toBeGreaterThan(0);
  for (const { name } of cases) {
    const fixture = JSON.parse(readFileSync(new URL(`${name}/case.json`, folder), "utf8"));
    const wanted: string[] = fixture.no_weight_decay ?? fixture.training.no_weight_decay;
    expect(Object.keys(fixture.parameters).filter(isBiasOrNorm).sort()).toEqual([...wanted].sort());
  }
});

test.each([
  "encoder.final_layer_norm.weight",
  "bert.embeddings.LayerNorm.weight",
  "transformer.h.0.ln_1.weight",
  "model.layers.0.input_layernorm.weight",
  "encoder.norm.weight",
  "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
])("no weight decay for %s", (name) => expect(isBiasOrNorm(name)).toBe(true));

test.each(["normal.weight", "bert.pooler.dense.weight", "cln_head.weight"])("weight decay for %s", (name) =>
  expect(isBiasOrNorm(name)).toBe(false),
);

test("one step of AdamW by hand", async () => {
  const parameters = parametersOf();
  const before = [...((await parameters.get("dense.weight")!.data()) as Float32Array)];
  const optimizer = freed(new AdamW(parameters, { lr: 0.01, weightDecay: 0.1 }));
  makeGradients(parameters);
  const { gradNorm } = optimizer.step();
  const bias = [0.125, -2];
  const norm = Math.hypot(...before.map((p) => 3 * p * p), ...bias.map((p) => 3 * p * p));
  expect(await gradNorm.item()).toBeCloseTo(norm, 5);
  // At the first step m / sqrt(v) is the sign of the gradient, which is positive here.
  const weight = [...((await parameters.get("dense.weight")!.data()) as Float32Array)];
  const after = [...((await parameters.get("dense.bias")!.data()) as Float32Array)];
  weight.forEach((p, i) => {
    expect(p).toBeCloseTo(before[i] * (1 - 0.01 * 0.1) - 0.01, 6);
  });
  after.forEach((p, i) => {
    expect(p).toBeCloseTo(bias[i] - 0.01, 6);
  });
  gradNorm.dispose();
});

const makers: [string, (p: Map<string, Tensor>) => Optimizer][] = [
  ["AdamW", (p) => new AdamW(p, { lr: 0.01, weightDecay: 0.1 })],
  ["Sgd", (p) => new Sgd(p, { lr: 0.01, momentum: 0.9 })],
  ["Adagrad", (p) => new Adagrad(p, { lr: 0.01, lrDecay: 0.1, initialAccumulatorValue: 0.5 })],
  ["RmsProp", (p) => new RmsProp(p, { lr: 0.01, momentum: 0.9, centered: true })],
];

test.each(makers)("%s: saving, loading and going on gives the same bits", async (_, make) => {
  await inFolder(async (folder) => {
    const file = join(folder, "optimizer.safetensors");
    const parameters = parametersOf();
    const optimizer = freed(make(parameters));
    step(optimizer, parameters, 3);
    await optimizer.save(file);
    const copies = new Map<string, Tensor>();
    for (const [name, p] of parameters)
      copies.set(name, tensor(await p.data(), p.shape, { requiresGrad: true }));
    made.push(copies);
    step(optimizer, parameters, 3);
    const second = freed(make(copies));
    await second.load(file);
    expect(second.steps).toBe(3);
    step(second, copies, 3);
    expect(await bitsOf(copies)).toEqual(await bitsOf(parameters));
  });
});

interface Replayed {
  make: (p: Map<string, Tensor>, meta: OpCase["meta"]) => Optimizer;
  /** From the fixture's names of states to those in files. */
  states: Record<string, string>;
}

const shared = ({ lr, weight_decay }: OpCase["meta"]) => ({
  lr,
  weightDecay: weight_decay,
  noDecay: () => false,
});

test.each<[string, Replayed]>([
  [
    "sgd",
    { make: (p, meta) => new Sgd(p, { ...meta, ...shared(meta) }), states: { buffer: "momentum_buffer" } },
  ],
  [
    "adagrad",
    {
      make(p, { eps, lr_decay, initial_accumulator_value, ...meta }) {
        const own = { eps, lrDecay: lr_decay, initialAccumulatorValue: initial_accumulator_value };
        return new Adagrad(p, { ...own, ...shared(meta as OpCase["meta"]) });
      },
      states: { sum: "sum" },
    },
  ],
  [
    "rmsprop",
    {
      make: (p, meta) => new RmsProp(p, { ...meta, ...shared(meta) }),
      states: { square: "square_avg", buffer: "momentum_buffer", mean: "grad_avg" },
    },
  ],
])("PyTorch's parameters and states, by the class and its file: %s", async (kernel, { make, states }) => {
  for (const c of (await fixtureCases(kernel)).filter(({ meta }) => !meta.late)) {
    await inFolder(async (folder) => {
      const parameters = new Map<string, Tensor>();
      for (const i of [0, 1, 2]) {
        const { data, shape } = c.tensors.get(`param${i}`)!;
        parameters.set(`p${i}`, tensor(data, shape, { requiresGrad: true }));
      }
      made.push(parameters);
      const optimizer = freed(make(parameters, c.meta));
      for (let step = 1; step <= 5; step++) {
        [...parameters.values()].forEach((parameter, i) => {
          const { data, shape } = c.tensors.get(`step${step}.grad${i}`)!;
          parameter.grad = tensor(data, shape);
        });
        optimizer.step({ maxGradNorm: c.meta.max_norm }).gradNorm.dispose();
      }
      for (const [i, parameter] of [...parameters.values()].entries()) {
        const wanted = c.tensors.get(`step5.param${i}`)!.data;
        expectClose((await parameter.data()) as Float32Array, wanted, 2e-6, `${kernel} ${c.case}`);
      }
      await optimizer.save(join(folder, "state"));
      const stored = await readSafetensors(join(folder, "state"));
      for (const [name, inFile] of Object.entries(states)) {
        const wanted = c.tensors.get(`step5.${name}1`);
        expect(stored.has(`p1.${inFile}`)).toBe(wanted !== undefined);
        if (wanted)
          expectClose(
            stored.get(`p1.${inFile}`)!.data as Float32Array,
            wanted.data,
            2e-6,
            `${c.case} ${name}`,
          );
      }
    });
  }
});

test("the file holds the moments by parameter name", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "optimizer.safetensors");
    const parameters = parametersOf();
    parameters.get("dense.bias")!.requiresGrad = false;
    const optimizer = freed(new AdamW(parameters, { lr: 0.01 }));
    step(optimizer, parameters, 1);
    await optimizer.save(file);
    const stored = await readSafetensors(file);
    expect([...stored.keys()].sort()).toEqual(["dense.weight.exp_avg", "dense.weight.exp_avg_sq"]);
    expect(stored.get("dense.weight.exp_avg")!.shape).toEqual([2, 3]);
  });
});

test("a file that does not fit is refused and changes nothing", async () => {
  await inFolder(async (folder) => {
    const [good, other, damaged] = ["good", "other", "damaged"].map((name) => join(folder, name));
    const parameters = parametersOf();
    const optimizer = freed(new AdamW(parameters, { lr: 0.01 }));
    step(optimizer, parameters, 2);
    await optimizer.save(good);
    const sgd = freed(new Sgd(parameters, { lr: 0.01, momentum: 0.9 }));
    step(sgd, parameters, 1);
    await sgd.save(other);
    writeFileSync(damaged, readFileSync(good).subarray(0, -4));
    const narrow = new Map([["dense.weight", tensor([1, 2], [2], { requiresGrad: true })]]);
    made.push(narrow);
    const less = freed(new AdamW(narrow, { lr: 0.01 }));
    for (const file of [other, damaged, join(folder, "none")]) {
      await expect(optimizer.load(file)).rejects.toThrow(code("ERR_CHECKPOINT"));
    }
    await expect(less.load(good)).rejects.toThrow(code("ERR_CHECKPOINT"));
    expect(optimizer.steps).toBe(2);
    const again = join(folder, "again");
    await optimizer.save(again);
    expect(readFileSync(again)).toEqual(readFileSync(good));
  });
});

test("groups have learning rates and weight decay of their own", async () => {
  const parameters = parametersOf();
  const [weight, bias] = [...parameters];
  const groups = [{ parameters: [weight], lr: 0.02, weightDecay: 0.5 }, { parameters: new Map([bias]) }];
  const optimizer = freed(new AdamW(groups, { lr: 0.01, weightDecay: 0.1, noDecay: () => false }));
  expect([...optimizer.weightDecays()]).toEqual([
    ["dense.weight", 0.5],
    ["dense.bias", 0.1],
  ]);
  optimizer.lr = 0.005; // half: the group's becomes 0.01
  makeGradients(parameters);
  optimizer.step().gradNorm.dispose();
  expect(((await weight[1].data()) as Float32Array)[0]).toBeCloseTo(0.5 * (1 - 0.01 * 0.5) - 0.01, 6);
  expect(((await bias[1].data()) as Float32Array)[0]).toBeCloseTo(0.125 * (1 - 0.005 * 0.1) - 0.005, 6);
});

test("state made inside a scope outlives it, steps leave no handles, dispose frees all", async () => {
  await synchronize();
  const before = engineState().liveHandles;
  const parameters = parametersOf();
  const optimizer = new AdamW(parameters, { lr: 0.01 });
  scope(() => {
    step(optimizer, parameters);
  });
  const after = engineState().liveHandles;
  expect(after).toBe(before + 2 + 4);
  step(optimizer, parameters, 20);
  expect(engineState().liveHandles).toBe(after);
  optimizer.dispose();
  optimizer.dispose();
  expect(engineState().liveHandles).toBe(before + 2);
});

test.each([
  ["no options", () => new AdamW(parametersOf(), undefined as never)],
  ["no lr", () => new AdamW(parametersOf(), {} as never)],
  ["a negative lr", () => new AdamW(parametersOf(), { lr: -1 })],
  ["a beta of 1", () => new AdamW(parametersOf(), { lr: 1, betas: [0.9, 1] })],
  ["a negative weight decay", () => new AdamW(parametersOf(), { lr: 1, weightDecay: -1 })],
  ["no parameters", () => new AdamW(new Map(), { lr: 1 })],
  ["a parameter that is no tensor", () => new AdamW([["w", 1 as never]], { lr: 1 })],
  ["a name twice", () => new AdamW([...parametersOf(), ...parametersOf()], { lr: 1 })],
  ["an alpha of 1", () => new RmsProp(parametersOf(), { lr: 1, alpha: 1 })],
  ["a negative momentum", () => new RmsProp(parametersOf(), { lr: 1, momentum: -1 })],
  ["a negative decay of the rate", () => new Adagrad(parametersOf(), { lr: 1, lrDecay: -1 })],
  ["a negative sum", () => new Adagrad(parametersOf(), { lr: 1, initialAccumulatorValue: -1 })],
  ["nesterov without momentum", () => new Sgd(parametersOf(), { lr: 1, nesterov: true })],
])("%s is refused", (_, make) => {
  expect(make).toThrow(code("ERR_ARGUMENT"));
});
