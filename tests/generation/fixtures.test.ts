// Every case of tests/fixtures/generation against Transformers 5.18.0: the same tokens, scores within 1e-4; with a cache
// and without, all rows together and each alone.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { GenerateOptions, GenerationConfig } from "../../src/generation/options.js";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../../src/models/auto.js";
import type { Model } from "../../src/models/model.js";
import { type GenerationCase, generationFixture, optionsOf } from "./cases.js";

const families = ["gpt2", "t5", "bart", "marian"];

/** Whether the original's result for these options depends on the padding of a prompt. */
function seesPadding({ options }: GenerationCase, isEncoderDecoder: boolean): boolean {
  return !isEncoderDecoder && Boolean((options.repetitionPenalty ?? 1) !== 1 || options.noRepeatNgramSize);
}

describe.each(families)("%s", (name) => {
  const fixture = generationFixture(name);
  const { isEncoderDecoder, examples, end } = fixture;
  let model: Model;
  let config: GenerationConfig;
  beforeAll(async () => {
    const auto = isEncoderDecoder ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
    model = await auto.fromPretrained(fixture.folder);
    config = model.generationConfig;
  });
  afterAll(() => model.dispose());

  /** @param rows of the input, in this order */
  async function expectCase(c: GenerationCase, rows: number[], compared: number[], more: GenerateOptions) {
    const given = rows.map((row) => examples[row]);
    const found = await model.generate(given, { ...optionsOf(c, end), ...more });
    const each = c.options.numReturnSequences ?? 1;
    expect(found.sequences).toHaveLength(rows.length * each);
    rows.forEach((row, i) => {
      const at = c.rows.indexOf(row);
      if (at < 0 || !compared.includes(row)) return;
      for (let j = 0; j < each; j++) {
        const [mine, theirs] = [i * each + j, at * each + j];
        expect(Array.from(found.sequences[mine])).toEqual(c.sequences[theirs]);
        if (c.scores) expect(Math.abs((found.scores?.[mine] ?? 1) - c.scores[theirs])).toBeLessThan(1e-4);
        found.logProbabilities[mine].forEach((value, k) => {
          const expected = c.logProbabilities?.[theirs][k];
          if (expected !== undefined) expect(Math.abs(value - expected)).toBeLessThan(1e-4);
        });
      }
    });
  }

  const all = examples.map((_, row) => row);
  const modes: [string, GenerateOptions][] = [
    ["cached, native scores, few at once", { batchRows: 8 }],
    ["without cache, scores in TypeScript", { useCache: false, useNativeScores: false }],
  ];

  describe.each(modes)("%s", (_, more) => {
    // Of prompts that are padded, those named below are compared with the original's on the prompt alone.
    const padded = (c: GenerationCase) => seesPadding(c, isEncoderDecoder);
    const together = fixture.together.map(
      (c) => [`${c.name}${padded(c) ? ", longest row" : ""}`, c] as const,
    );

    test.each(together)("together: %s", async (_, c) => {
      await expectCase(c, all, padded(c) ? [0] : all, more);
    });

    test.each(fixture.alone.map((c) => [`${c.name}, row ${c.rows[0]}`, c] as const))(
      "alone: %s",
      async (_, c) => {
        await expectCase(c, c.rows, c.rows, more);
        // Among the others it gives the same.
        await expectCase(c, [...all].reverse(), c.rows, more);
      },
    );
  });

  test.each(["bf16", "int8"] as const)("weights in %s: the cache changes nothing", async (dtype) => {
    const auto = isEncoderDecoder ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
    const reduced = await auto.fromPretrained(fixture.folder, { dtype });
    const options = { numBeams: 3, maxNewTokens: 8 };
    const cached = await reduced.generate(examples, options);
    const whole = await reduced.generate(examples, { ...options, useCache: false });
    expect(cached.sequences).toEqual(whole.sequences);
    cached.scores?.forEach((score, i) => {
      expect(Math.abs(score - (whole.scores?.[i] ?? 0))).toBeLessThan(1e-4);
    });
    reduced.dispose();
  });

  test("what is saved generates the same", async () => {
    const folder = mkdtempSync(join(tmpdir(), "athanor-generation-"));
    model.generationConfig = { ...model.generationConfig, numBeams: 2, maxNewTokens: 5 };
    const before = await model.generate(examples);
    await model.savePretrained(folder);
    const auto = isEncoderDecoder ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
    const again = await auto.fromPretrained(folder);
    expect(again.generationConfig).toEqual(model.generationConfig);
    expect(await again.generate(examples)).toEqual(before);
    again.dispose();
    model.generationConfig = config;
  });

  const sampled: GenerateOptions[] = [
    { topK: 5 },
    { topK: 0, topP: 0.8 },
    { temperature: 0.7, topK: 20, minP: 0.05, repetitionPenalty: 1.2 },
    { topK: 12, typicalP: 0.9, noRepeatNgramSize: 2, minNewTokens: 4 },
    { topK: 8, numBeams: 3, numReturnSequences: 2 },
    { topK: 0, topP: 0.9, numBeams: 2, renormalizeLogits: true, badWordsIds: [[12, 55], [14]] },
  ];
  test.each(sampled)("native scores and those in TypeScript draw the same tokens: %p", async (options) => {
    const all = { ...options, doSample: true, maxNewTokens: 10 };
    for (let seed = 0; seed < 5; seed++) {
      const native = await model.generate(examples, { ...all, seed });
      const host = await model.generate(examples, { ...all, seed, useNativeScores: false });
      expect(native.sequences).toEqual(host.sequences);
      native.logProbabilities.forEach((values, i) => {
        values.forEach((value, j) => {
          expect(Math.abs(value - host.logProbabilities[i][j])).toBeLessThan(1e-5);
        });
      });
    }
  });

  test("the same source alone or among others gives the same tokens", async () => {
    for (const options of [{ maxNewTokens: 12 }, { maxNewTokens: 12, numBeams: 4, numReturnSequences: 2 }]) {
      const together = await model.generate(examples, options);
      const each = together.sequences.length / examples.length;
      for (const row of all) {
        const alone = await model.generate([examples[row]], options);
        expect(alone.sequences).toEqual(together.sequences.slice(row * each, (row + 1) * each));
      }
    }
  });
});
