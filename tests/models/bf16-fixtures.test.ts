// The model fixtures in bf16 on CUDA: outputs and every gradient may be twice as far from float32 as those of a
// plain bf16 computation, PyTorch's with weights and activations in bf16 (fixtures/make/bf16_errors.py).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import * as athanor from "../../src/index.js";
import type { Model, ModelOutput } from "../../src/models/model.js";
import { scope } from "../../src/tensor/scope.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { gpu } from "../support/bf16.js";
import { examplesOf, type ModelCase, modelCase, modelFolder, unpadded } from "../support/model-fixtures.js";

interface Errors {
  outputs: Record<string, number>;
  gradients: Record<string, number>;
  total: number;
}

const plain: Record<string, Errors> = JSON.parse(
  readFileSync(join(modelFolder("."), "bf16-errors.json"), "utf8"),
);
const budget = 2;
// A plain computation of a few numbers can be closer than bf16 resolves, by luck: no less than its unit counts.
const unit = 2 ** -8;

/** AutoModelForTokenClassification for BertForTokenClassification, AutoModel for BertModel. */
function autoOf(architecture: string): typeof athanor.AutoModel {
  const head = /For\w+$/.exec(architecture)?.[0] ?? "";
  return (athanor as unknown as Record<string, typeof athanor.AutoModel>)[`AutoModel${head}`];
}

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Values of an output at real tokens. */
function wantedOutput(c: ModelCase, name: string): number[] {
  const { shape, data } = c.tensors.get(`output.${name}`)!;
  const ids = c.tensors.get("input.input_ids")!.shape;
  const perToken = ids.length === 2 && shape.length >= 2 && shape[0] === ids[0] && shape[1] === ids[1];
  return perToken ? unpadded(c, `output.${name}`) : data;
}

/** Squares of the difference and of what was wanted, as sums. */
function squares(actual: ArrayLike<number>, wanted: readonly number[]): [number, number] {
  expect(actual.length).toBe(wanted.length);
  let [difference, total] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    difference += (actual[i] - value) ** 2;
    total += value ** 2;
  }
  return [difference, total];
}

function expectWithinBudget(label: string, error: number, allowed: number): void {
  if (!(error <= budget * Math.max(allowed, unit))) {
    throw new Error(`${label}: off by ${error.toExponential(2)}, a plain bf16 computation by ${allowed}`);
  }
}

function lossOf(c: ModelCase, output: ModelOutput): Tensor {
  if (output.loss) return output.loss;
  const { mul, sum, add } = athanor.ops;
  const weighted = [...c.tensors].flatMap(([key, { data }]) => {
    const name = /^upstream\.(.*)$/.exec(key)?.[1];
    if (name === undefined) return [];
    const t = output[camelCase(name) as keyof ModelOutput] as Tensor;
    const values = name === "last_hidden_state" ? unpadded(c, key) : data;
    return [sum(mul(t.to("f32"), athanor.tensor(values, t.shape, { device: "cuda" })))];
  });
  return weighted.reduce((total, part) => add(total, part));
}

async function mixed(name: string): Promise<{ c: ModelCase; model: Model }> {
  const c = await modelCase(name);
  const model = await autoOf(c.class).fromPretrained(modelFolder(name), { device: "cuda" });
  model.mixedPrecision(true);
  return { c, model };
}

(gpu ? describe : describe.skip).each(Object.keys(plain))("%s in bf16", (name) => {
  const allowed = plain[name];

  test("outputs", async () => {
    const { c, model } = await mixed(name);
    const output = athanor.noGrad(() => model.forward(model.collate(examplesOf(c))));
    for (const [theirs, most] of Object.entries(allowed.outputs)) {
      const t = output[camelCase(theirs) as keyof ModelOutput] as Tensor;
      const [difference, total] = squares(await t.data(), wantedOutput(c, theirs));
      expectWithinBudget(theirs, Math.sqrt(difference / total), most);
    }
    model.dispose();
  });

  test("every gradient", async () => {
    const { c, model } = await mixed(name);
    scope(() => lossOf(c, model.forward(model.collate(examplesOf(c)))).backward());
    let [differences, totals] = [0, 0];
    for (const [parameter, t] of model.parameters()) {
      if (!(parameter in allowed.gradients)) continue;
      const [difference, total] = squares(await t.grad!.data(), c.tensors.get(`grad.${parameter}`)!.data);
      differences += difference;
      totals += total;
      expectWithinBudget(parameter, Math.sqrt(difference / total), allowed.gradients[parameter]);
    }
    expectWithinBudget("all gradients", Math.sqrt(differences / totals), allowed.total);
    model.dispose();
  });
});
