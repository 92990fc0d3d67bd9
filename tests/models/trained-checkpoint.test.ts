// A trained encoder-decoder against what the tests of CTranslate2 assert of it, and float64 (fixtures/aren-transliteration).
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import type { Model } from "../../src/models/model.js";
import { noGrad } from "../../src/tensor/scope.js";
import {
  loadTransliteration,
  type TransliterationCase,
  transliterations,
  vocabulary,
} from "../support/aren-transliteration.js";

const { cases, prefix_cases: prefixCases } = transliterations();
const VOCABULARY = vocabulary("target").length + 1; // The last row is that of unknown letters.
let model: Model;

beforeAll(async () => {
  model = await loadTransliteration();
});
afterAll(() => model.dispose());

const batchOf = (these: readonly TransliterationCase[]) =>
  model.collate(
    these.map(({ source_ids: inputIds, label_ids: labels, decoder_input_ids: decoderInputIds }) => ({
      inputIds,
      labels,
      decoderInputIds,
    })),
  );

function expectNear(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(tolerance);
  });
}

describe.each([
  ["one by one", cases.map((one) => [one])],
  ["all at once", [cases]],
])("%s", (_, batches) => {
  test("log-probabilities, logits and encoder outputs", async () => {
    for (const these of batches) {
      const batch = batchOf(these);
      const output = noGrad(() => model.forward(batch));
      const logits = batch.decoder!.unpack(await output.logits.data());
      const logProbabilities = batch.decoder!.unpack(
        await noGrad(() => ops.logSoftmax(output.logits)).data(),
      );
      const encoded = batch.unpack(await output.encoderLastHiddenState.data());
      const total = these.reduce((sum, { label_ids: labels }, b) => {
        const ofLabels = labels.map((label, i) => logProbabilities[b][i * VOCABULARY + label]);
        expectNear(ofLabels, these[b].upstream_token_log_probs, 1e-5);
        return sum - ofLabels.reduce((a, c) => a + c, 0);
      }, 0);
      expect(await output.loss!.item()).toBeCloseTo(total / batch.lossCount, 5);
      these.forEach((one, b) => {
        const last = (one.label_ids.length - 1) * VOCABULARY;
        expectNear(logits[b].slice(0, VOCABULARY), one.reference_logits_first_step, 5e-5);
        expectNear(logits[b].slice(last, last + VOCABULARY), one.reference_logits_last_step, 5e-5);
        expectNear(encoded[b].slice(0, 32), one.reference_encoder_output_first_token, 2e-5);
      });
    }
  });
});

test("greedy search says what the original says", async () => {
  const examples = cases.map(({ source_ids: inputIds }) => ({ inputIds }));
  const { sequences } = await model.generate(examples, { maxNewTokens: 20 });
  expect(sequences.map(spoken)).toEqual(cases.map(({ greedy }) => greedy));
});

test("behind a forced prefix too", async () => {
  const idsOf = (letters: string[], side: "source" | "target") =>
    letters.map((letter) => vocabulary(side).indexOf(letter));
  const examples = prefixCases.map(({ source, prefix }) => ({
    inputIds: idsOf(source, "source"),
    decoderInputIds: [1, ...idsOf(prefix, "target")],
  }));
  const { sequences } = await model.generate(examples, { maxNewTokens: 20 });
  expect(sequences.map(spoken)).toEqual(prefixCases.map(({ greedy_after_prefix: greedy }) => greedy));
});

/** Letters without start and end. */
function spoken(sequence: Int32Array): string[] {
  return Array.from(sequence.slice(1, -1), (id) => vocabulary("target")[id]);
}
