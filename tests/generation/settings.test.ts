// Options: what overrides what, and what contradicts.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { generationConfigOf, readGenerationConfig } from "../../src/generation/config-file.js";
import type { GenerateOptions } from "../../src/generation/options.js";
import { resolveSettings } from "../../src/generation/settings.js";

test("a call's options win over the model's, those over the defaults; null is not set", () => {
  const model = { numBeams: 4, lengthPenalty: 0.8, maxLength: 512, minLength: null, eosTokenId: 2 };
  const settings = resolveSettings({ numBeams: 2, maxNewTokens: 5 }, model);
  expect(settings).toMatchObject({
    numBeams: 2,
    lengthPenalty: 0.8,
    maxNewTokens: 5,
    earlyStopping: false,
    numReturnSequences: 1,
    topK: 50,
    eosTokenIds: [2],
    seed: 0,
  });
  expect(settings.minLength).toBeUndefined();
  expect(resolveSettings({ maxLength: 9 }, { maxNewTokens: 4 }).maxNewTokens).toBeUndefined();
});

describe("coded errors", () => {
  test.each<[GenerateOptions, string]>([
    [{ numBeams: 2, numReturnSequences: 3 }, "numReturnSequences must be at most numBeams (2), got 3"],
    [
      { numReturnSequences: 2 },
      "numReturnSequences above 1 needs beams or doSample: true, got 2 with neither",
    ],
    [{ minNewTokens: 5, maxNewTokens: 4 }, "minNewTokens must be at most maxNewTokens (4), got 5"],
    [{ minLength: 9, maxLength: 8 }, "minLength must be at most maxLength (8), got 9"],
    [{ temperature: 0.7 }, "temperature needs doSample: true, got temperature 0.7 without it"],
    [{ topK: 5 }, "topK needs doSample: true, got topK 5 without it"],
    [{ minP: 0.1 }, "minP needs doSample: true"],
    [{ lengthPenalty: 2 }, "lengthPenalty needs numBeams above 1, got lengthPenalty 2 with 1 beam"],
    [{ earlyStopping: true }, "earlyStopping needs numBeams above 1"],
    [{ temperature: 0, doSample: true }, "temperature must be a number above 0, got 0"],
    [{ topP: 1.5, doSample: true }, "topP must be a number from 0 to 1, got 1.5"],
    [{ numBeams: 0 }, "numBeams must be an integer from 1 to 1024, got 0"],
    [{ maxNewTokens: 2.5 }, "maxNewTokens must be an integer from 1 to 2147483647, got 2.5"],
    [{ seed: -1 }, "seed must be an integer from 0"],
    [
      { earlyStopping: "always" as never, numBeams: 2 },
      'earlyStopping must be true, false or "never", got "always"',
    ],
    [{ suppressTokens: [1.5] }, "suppressTokens must be token ids, got [1.5]"],
    [{ badWordsIds: [[]] }, "badWordsIds must be lists of token ids that are not empty, got [[]]"],
    [{ badWordsIds: [[-1]] }, "badWordsIds must be token ids, got [-1]"],
    [{ sequenceBias: [[[], 1]] }, "sequenceBias must be pairs of token ids and a number, got [[],1]"],
    [{ eosTokenId: -1 }, "eosTokenId must be token ids, got [-1]"],
    [
      { forcedEosTokenId: 2, suppressTokens: [2] },
      "forcedEosTokenId must not be in suppressTokens, got 2 in both",
    ],
    [{ stopStrings: "a" }, "stopStrings need the model's tokenizer as `tokenizer`"],
    [{ stopStrings: [""] }, 'stopStrings must be texts that are not empty, got [""]'],
    [
      { exponentialDecayLengthPenalty: [1] as never },
      "exponentialDecayLengthPenalty must be a start and a factor",
    ],
    [{ processors: [{}] as never }, "processors must be objects with a method process"],
    [{ prefixAllowedTokens: 3 as never }, "prefixAllowedTokens must be a function, got number"],
    [{ signal: {} as never }, "signal must be an AbortSignal"],
    [{ doSample: 1 as never }, "doSample must be true or false, got 1"],
    [{ numBeam: 3 } as never, "there is no option numBeam"],
    [{ guidanceScale: 2 } as never, "guidanceScale is not offered, got 2"],
  ])("%p", (options, message) => {
    expect(() => resolveSettings(options)).toThrow(
      expect.objectContaining({
        code: "ERR_ARGUMENT",
        message: expect.stringContaining(`generate: ${message}`),
      }),
    );
  });

  test("a file may hold options of a mode that is not asked for, and what it does not concern", () => {
    const file = generationConfigOf({
      temperature: 0.6,
      top_p: 0.9,
      early_stopping: true,
      transformers_version: "4.1",
      some_extension: 1,
      num_beam_groups: 1,
    });
    expect(resolveSettings({}, file)).toMatchObject({ doSample: false, temperature: 0.6, topP: 0.9 });
    expect(() => resolveSettings({}, generationConfigOf({ num_beam_groups: 2 }))).toThrow(
      "numBeamGroups is not offered, got 2",
    );
  });
});

test("generation_config.json is read; without one, what config.json says", async () => {
  const folder = mkdtempSync(join(tmpdir(), "athanor-generation-"));
  const config = { num_beams: 4, bad_words_ids: [[58100]], hidden_size: 512, max_length: 512 };
  expect(await readGenerationConfig(folder, config)).toEqual({
    numBeams: 4,
    badWordsIds: [[58100]],
    maxLength: 512,
  });
  const file = join(folder, "generation_config.json");
  writeFileSync(
    file,
    JSON.stringify({ _from_model_config: true, eos_token_id: [1, 2], early_stopping: "never" }),
  );
  expect(await readGenerationConfig(folder, config)).toEqual({
    fromModelConfig: true,
    eosTokenId: [1, 2],
    earlyStopping: "never",
  });
  writeFileSync(file, "[");
  await expect(readGenerationConfig(folder, config)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
  writeFileSync(file, "[]");
  await expect(readGenerationConfig(folder, config)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
});
