// Each processor against Transformers 5.18.0 on the same scores (tests/fixtures/generation/processors.*,
// more-processors.json).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { generationConfigOf } from "../../src/generation/config-file.js";
import * as bans from "../../src/generation/processors/bans.js";
import { type AnyProcessor, applyProcessors, processorsOf } from "../../src/generation/processors/list.js";
import { RemoveInvalid } from "../../src/generation/processors/normalize.js";
import { TopP } from "../../src/generation/processors/warpers.js";
import { resolveSettings } from "../../src/generation/settings.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { generationFolder } from "./cases.js";

interface ProcessorCase {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: options of any processor
  options: any;
  processed: number[][];
}

interface ProcessorFile {
  inputIds: number[][];
  sourceIds?: number[][];
  scores: number[][];
  cases: ProcessorCase[];
}

const samplingNames = /temperature|top_|min_p|typical|epsilon|eta|sampling/;

/** The processors that the options of a fixture ask generate for. */
function processorsFor({ name, options }: ProcessorCase): AnyProcessor[] {
  const { prompt, tokens, min_tokens_to_keep, max_length, ...entries } = options;
  if (min_tokens_to_keep) return [new TopP(options.top_p, min_tokens_to_keep)];
  if (name === "forced_eos") return [new bans.ForcedEos([options.eos_token_id])];
  const call = generationConfigOf({ top_k: 0, ...entries });
  const doSample = samplingNames.test(name);
  return processorsOf(resolveSettings(doSample ? { ...call, doSample } : { ...call, topK: undefined }));
}

function compare(file: ProcessorFile, c: ProcessorCase) {
  const processors = processorsFor(c);
  file.scores.forEach((given, row) => {
    const scores = Float32Array.from(given);
    const tokens = Int32Array.from(file.inputIds[row].slice(0, c.options.tokens));
    const context = {
      example: row,
      promptLength: c.options.prompt ?? 1,
      maxLength: c.options.max_length ?? 1000,
      sourceIds: Int32Array.from(file.sourceIds?.[row] ?? []),
    };
    applyProcessors(processors, [{ scores, tokens }], context, false);
    const expected = c.processed[row];
    scores.forEach((score, id) => {
      if (expected[id] === Number.NEGATIVE_INFINITY) expect(score).toBe(expected[id]);
      else
        expect(Math.abs(score - expected[id])).toBeLessThanOrEqual(
          1e-6 * Math.max(1, Math.abs(expected[id])),
        );
    });
  });
}

async function firstFile(): Promise<ProcessorFile> {
  const meta = JSON.parse(readFileSync(`${generationFolder}/processors.json`, "utf8"));
  const tensors = await readSafetensors(`${generationFolder}/processors.safetensors`);
  const rows = (name: string): number[][] => {
    const { data, shape } = tensors.get(name)!;
    const values = Array.from(data as ArrayLike<number | bigint>, Number);
    return Array.from({ length: shape[0] }, (_, i) => values.slice(i * shape[1], (i + 1) * shape[1]));
  };
  return {
    inputIds: rows("input_ids"),
    scores: rows("scores"),
    cases: meta.cases.map((c: ProcessorCase) => ({ ...c, processed: rows(`processed.${c.name}`) })),
  };
}

function secondFile(): ProcessorFile {
  const meta = JSON.parse(readFileSync(`${generationFolder}/more-processors.json`, "utf8"));
  const { input_ids: inputIds, encoder_input_ids: sourceIds, scores } = meta;
  const cases = meta.cases.map((c: ProcessorCase) => ({
    ...c,
    processed: c.processed.map((row) => row.map(Number)),
  }));
  return { inputIds, sourceIds, scores, cases };
}

const files = [await firstFile(), secondFile()];

describe.each(files)("Transformers 5.18.0", (file) => {
  test.each(file.cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    compare(file, c);
  });
});

test("a constraint wins over rules that forbid all it allows, for every hypothesis of a source", () => {
  const context = { example: 0, promptLength: 1, maxLength: 9, sourceIds: new Int32Array() };
  const none = Number.NEGATIVE_INFINITY;
  const rows = [
    { scores: Float32Array.of(1, none, 2), tokens: Int32Array.of(1) },
    { scores: Float32Array.of(1, none, 2), tokens: Int32Array.of(2) },
  ];
  const constrained = new bans.PrefixConstrained(() => [1]);
  applyProcessors([constrained], rows, context, true);
  for (const { scores } of rows) expect(Array.from(scores)).toEqual([none, 0, none]);
  const mixed = [
    { scores: Float32Array.of(1, none, 2), tokens: Int32Array.of(1) },
    { scores: Float32Array.of(1, 3, 2), tokens: Int32Array.of(2) },
  ];
  applyProcessors([constrained], mixed, context, true);
  expect(mixed.map(({ scores }) => scores[1])).toEqual([none, 3]);
});

test("values that are no numbers become proper scores", () => {
  const scores = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1);
  new RemoveInvalid().process(scores);
  expect(Array.from(scores)).toEqual([0, 3.4028234663852886e38, -3.4028234663852886e38, 1]);
});
