// Checkpoints of every family: what is saved loads again to the same bits; spellings found in files of other times.
import { mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AutoClass, AutoModelForMaskedLM, AutoModelForPreTraining } from "../../src/models/auto.js";
import type { ModelOutput } from "../../src/models/model.js";
import { readSafetensors, writeSafetensors } from "../../src/models/safetensors.js";
import { noGrad } from "../../src/tensor/scope.js";
import { autoClassOf } from "../support/auto-classes.js";
import { examplesOf, modelCase, modelCases, modelFolder } from "../support/model-fixtures.js";
import { expectSameBits } from "../support/ops.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-families-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of a fixture whose tensors have other names, any number each. */
async function renamed(fixture: string, rename: (name: string) => string[]): Promise<string> {
  const target = mkdtempSync(join(folder, "renamed-"));
  await cp(join(modelFolder(fixture), "config.json"), join(target, "config.json"));
  const tensors = await readSafetensors(join(modelFolder(fixture), "model.safetensors"));
  const sources = [...tensors].flatMap(([key, { shape, data }]) =>
    rename(key).map((name) => ({ name, dtype: "F32" as const, shape, data: () => data as Float32Array })),
  );
  await writeSafetensors(join(target, "model.safetensors"), sources);
  return target;
}

describe("saving", () => {
  test.each(modelCases())("%s loads again to the same bits", async (name) => {
    const c = await modelCase(name);
    const loader = autoClassOf(name);
    const model = await loader.fromPretrained(modelFolder(name));
    const target = join(folder, name);
    await model.savePretrained(target);
    const again = await loader.fromPretrained(target);
    expect(again.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expect(again.config).toEqual(model.config);
    const inputs = examplesOf(c);
    const first = (output: ModelOutput) => output.logits ?? output.startLogits ?? output.lastHiddenState;
    expectSameBits(
      await first(noGrad(() => again.forward(again.collate(inputs)))).data(),
      await first(noGrad(() => model.forward(model.collate(inputs)))).data(),
      name,
    );
  });
});

describe("spellings", () => {
  const cases: [string, AutoClass, prefix: string, decoder: string][] = [
    ["bert-masked-lm", AutoModelForMaskedLM, "bert.", "cls.predictions.decoder"],
    ["roberta-masked-lm", AutoModelForMaskedLM, "roberta.", "lm_head.decoder"],
    ["xlm-roberta-masked-lm", AutoModelForMaskedLM, "roberta.", "lm_head.decoder"],
    ["distilbert-masked-lm", AutoModelForMaskedLM, "distilbert.", "vocab_projector"],
    ["albert-pretraining", AutoModelForPreTraining, "albert.", "predictions.decoder"],
    ["electra-masked-lm", AutoModelForMaskedLM, "electra.", "generator_lm_head"],
  ];

  async function expectSame(fixture: string, loader: AutoClass, target: string): Promise<void> {
    const [model, original] = [
      await loader.fromPretrained(target),
      await loader.fromPretrained(modelFolder(fixture)),
    ];
    expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    for (const [name, t] of original.parameters()) {
      expectSameBits(await model.parameters().get(name)!.data(), await t.data(), name);
    }
  }

  test.each(cases)(
    "%s: gamma and beta, no prefix, copies and buffers",
    async (name, loader, prefix, decoder) => {
      const target = await renamed(name, (key) => {
        const old = key
          .replace(/LayerNorm\.weight$/, "LayerNorm.gamma")
          .replace(/LayerNorm\.bias$/, "LayerNorm.beta");
        const bare = old.startsWith(prefix) ? old.slice(prefix.length) : old;
        if (key.endsWith("word_embeddings.weight")) return [bare, `${decoder}.weight`];
        if (/^(cls\.predictions|predictions|lm_head)\.bias$/.test(key)) return [bare, `${decoder}.bias`];
        if (key.endsWith("position_embeddings.weight")) return [bare, "embeddings.position_ids"];
        return [bare];
      });
      await expectSame(name, loader, target);
    },
  );

  test.each(cases)(
    "%s: tied weights under the output layer's name",
    async (name, loader, prefix, decoder) => {
      const target = await renamed(name, (key) =>
        key === `${prefix}embeddings.word_embeddings.weight` ? [`${decoder}.weight`] : [key],
      );
      await expectSame(name, loader, target);
    },
  );
});
