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
  const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0);
  expect(worst).toBeLessThanOrEqual(tolerance);
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

describe.each([
  "t5-relu-tied",
  "t5-gated-gelu-untied",
  "mt5-conditional",
  "bart-conditional",
  "mbart-conditional",
  "marian-mt",
  "marian-mt-own-words",
  "encoder-decoder-bert-pair",
])("%s", (name) => {
  const sources = [
    [7, 21, 3, 30, 15, 4, 9],
    [12, 8, 33],
  ];
  const targets = [
    [2, 11, 5, 6, 20],
    [2, 9, 31],
  ];

  test("prefixes at once, then token by token; what beams of one source share", async () => {
    const model = await load(name);
    const batch = model.collate(sources.map((inputIds, b) => ({ inputIds, decoderInputIds: targets[b] })));
    const whole = noGrad(() => model.forward(batch));
    const rows = batch.decoder!.unpack(await whole.logits.data()) as Float32Array[];
    const vocabulary = whole.logits.shape[1];
    const row = (b: number, i: number) => rows[b].slice(i * vocabulary, (i + 1) * vocabulary);

    const cache = model.createCache();
    const encoderOutputs = noGrad(() =>
      model.encode(model.collate(sources.map((inputIds) => ({ inputIds })))),
    );
    const [one, two] = cache.admit(encoderOutputs.lengths).map((source) => cache.start(source));
    const step = (
      sequences: Parameters<typeof cache.begin>[0],
      tokens: readonly number[],
      counts?: number[],
      given = {},
    ) => {
      cache.begin(sequences, counts);
      return noGrad(() => model.forward({ inputIds: ids(tokens) }, { cache, ...given })).logits;
    };
    await expectNear(step([one, two], [2, 11, 2], [2, 1], { encoderOutputs }), [...row(0, 1), ...row(1, 0)]);
    await expectNear(step([two, one], [9, 5]), [...row(1, 1), ...row(0, 2)]);
    const beam = one.fork();
    const both = step([one, beam, two], [6, 6, 31]);
    await expectNear(both, [...row(0, 3), ...row(0, 3), ...row(1, 2)]);
    await expectNear(step([beam], [20]), row(0, 4));
    cache.dispose();
    model.dispose();
  });

  test("what the encoder gave serves again without a cache", async () => {
    const model = await load(name);
    const examples = sources.map((inputIds, b) => ({ inputIds, decoderInputIds: targets[b] }));
    const batch = model.collate(examples);
    const [whole, again] = noGrad(() => [
      model.forward(batch),
      model.forward(batch, { encoderOutputs: model.encode(batch) }),
    ]);
    expect(await again.logits.data()).toEqual(await whole.logits.data());
    model.dispose();
  });
});
