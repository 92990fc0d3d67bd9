// Decoding with a cache gives the logits that the whole sequence gives at once.
import { describe, expect, test } from "@jest/globals";
import type { Model } from "../../src/models/model.js";
import { noGrad } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { autoClassOf } from "../support/auto-classes.js";
import { modelFolder } from "../support/model-fixtures.js";

const load = (name: string): Promise<Model> => autoClassOf(name).fromPretrained(modelFolder(name));

async function expectNear(actual: Tensor, wanted: ArrayLike<number>, tolerance = 2e-5): Promise<void> {
  const values = (await actual.data()) as Float32Array;
  expect(values.length).toBe(wanted.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(tolerance);
  });
}

const ids = (values: readonly number[]) => tensor(Int32Array.from(values), [values.length]);

describe("gpt2-lm", () => {
  const prompts = [
    [7, 21, 3, 90, 55, 4],
    [12, 8, 150],
  ];

  test("prompts at once, then token by token", async () => {
    const model = await load("gpt2-lm");
    const cache = model.createCache();
    const whole = noGrad(() => model.forward(model.collate(prompts.map((inputIds) => ({ inputIds })))));
    const rows = (await whole.logits.data()) as Float32Array;
    const row = (i: number) => rows.slice(i * 200, (i + 1) * 200);

    const [first, second] = cache.admit([0, 0]).map((source) => cache.start(source));
    cache.begin([first, second], [4, 2]);
    const start = ids([...prompts[0].slice(0, 4), ...prompts[1].slice(0, 2)]);
    const begun = noGrad(() => model.forward({ inputIds: start }, { cache }));
    await expectNear(begun.logits, [...row(3), ...row(7)]);

    cache.begin([second, first]);
    const next = noGrad(() => model.forward({ inputIds: ids([150, 55]) }, { cache }));
    await expectNear(next.logits, [...row(8), ...row(4)]);

    cache.begin([first]);
    const last = noGrad(() => model.forward({ inputIds: ids([4]) }, { cache }));
    await expectNear(last.logits, row(5));
    cache.dispose();
    model.dispose();
  });

  test("models that do not generate say so", async () => {
    const model = await load("bert-masked-lm");
    expect(() => model.createCache()).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
    model.dispose();
  });
});
