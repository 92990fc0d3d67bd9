// Every case of tests/fixtures/generation against Transformers 5.18.0: the same tokens, scores within 1e-4; with a cache
// and without, all rows together and each alone.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { GenerateOptions } from "../../src/generation/options.js";
import { AutoModelForCausalLM } from "../../src/models/auto.js";
import type { Model } from "../../src/models/model.js";
import { memory, synchronize } from "../../src/tensor/device.js";
import { type GenerationCase, generationFixture } from "./cases.js";

const families = ["gpt2"];

/** Whether the original's result for these options depends on the padding of a prompt. */
function seesPadding({ options }: GenerationCase, isEncoderDecoder: boolean): boolean {
  return !isEncoderDecoder && Boolean((options.repetitionPenalty ?? 1) !== 1 || options.noRepeatNgramSize);
}

function optionsOf(c: GenerationCase, end: number): GenerateOptions {
  if (!c.raw.prefix) return c.options;
  // As make_generation.py has it: tokens of the same parity as the last one, and the end.
  const all = Array.from({ length: 60 }, (_, token) => token);
  const prefixAllowedTokens = (_: number, tokens: Int32Array) => {
    const last = tokens[tokens.length - 1];
    return all.filter((token) => token === end || (token - last) % 2 === 0);
  };
  return { ...c.options, prefixAllowedTokens };
}

describe.each(families)("%s", (name) => {
  const fixture = generationFixture(name);
  const { isEncoderDecoder, examples, end } = fixture;
  let model: Model;
  let live = 0;
  beforeAll(async () => {
    model = await AutoModelForCausalLM.fromPretrained(fixture.folder);
    // The first use makes packed copies of the weights, which stay with the model.
    await model.generate(examples, { maxNewTokens: 3, numBeams: 4 });
    await synchronize();
    live = memory().live;
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
    await synchronize();
    expect(memory().live).toBe(live);
  }

  const all = examples.map((_, row) => row);
  const modes: [string, GenerateOptions][] = [
    ["cached", {}],
    ["cached, few at once", { batchRows: 8 }],
    ["without cache", { useCache: false }],
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
