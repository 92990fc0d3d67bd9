// Searches over a table of random logits, against a search that tries everything.
import { describe, expect, test } from "@jest/globals";
import { generate, stream } from "../../src/generation/generate.js";
import type { GenerateOptions } from "../../src/generation/options.js";
import { exhaustive, logProbabilities, TableModel, tableLogits } from "./table-model.js";

const examples = [[3, 1, 2], [1, 3], [0, 2, 3, 1], [3], [2, 2, 1, 0]].map((inputIds) => ({ inputIds }));

function lists(sequences: readonly Int32Array[]): number[][] {
  return sequences.map((tokens) => Array.from(tokens));
}

async function run(options: GenerateOptions, vocabulary = 10) {
  const model = new TableModel(vocabulary);
  const result = await generate(model, examples, options);
  expect(model.live.size).toBe(0);
  expect(model.disposed).toBe(1);
  return { ...result, model, sequences: lists(result.sequences) };
}

/** One token after another, each the likeliest. */
function greedily(inputIds: number[], most: number, vocabulary: number) {
  const tokens = [0];
  const logs: number[] = [];
  while (tokens.length <= most && tokens[tokens.length - 1] !== 1) {
    const log = logProbabilities(tableLogits(inputIds, tokens, vocabulary));
    const token = log.indexOf(Math.max(...log));
    logs.push(log[token]);
    tokens.push(token);
  }
  return { tokens, logs };
}

test("greedy takes the likeliest token", async () => {
  const { sequences, logProbabilities: logs, scores } = await run({ maxNewTokens: 8 });
  const expected = examples.map(({ inputIds }) => greedily(inputIds, 8, 10));
  expect(sequences).toEqual(expected.map(({ tokens }) => tokens));
  expect(scores).toBeUndefined();
  logs.forEach((values, i) => {
    expect(values).toHaveLength(expected[i].logs.length);
    values.forEach((value, j) => {
      expect(value).toBeCloseTo(expected[i].logs[j], 5);
    });
  });
});

test("greedy takes steps ahead of its tokens while nobody waits, and the same tokens without", async () => {
  const options = { maxNewTokens: 8 };
  const ahead = await run(options);
  const never = await run({ ...options, useNativeScores: false });
  expect(ahead.sequences).toEqual(never.sequences);
  expect(never.model.stepsAhead).toEqual([]);
  // Some end early, so that steps ahead hold rows of which nobody wants to know.
  const lengths = ahead.sequences.map(({ length }) => length - 1);
  expect(new Set(lengths).size).toBeGreaterThan(2);
  const going = (step: number) => lengths.filter((length) => length >= step).length;
  const longest = Math.max(...lengths);
  // The step for token i + 1 has a row for each sequence that may get token i, and there is none for what follows the last.
  const steps = Array.from({ length: longest === 8 ? 7 : longest }, (_, i) => going(i + 1));
  expect(ahead.model.stepsAhead).toEqual(steps);
  expect(ahead.model.steps).toEqual([5, ...steps]);
  const few = await run({ ...options, batchRows: 2 });
  expect(few.sequences).toEqual(ahead.sequences);
  expect(few.model.stepsAhead.length).toBeGreaterThan(0);
});

describe("beams", () => {
  test.each([0, 0.6, 1, 2])(
    "with as many as there are sequences give all, ranked, length penalty %p",
    async (lengthPenalty) => {
      const found = await run(
        {
          numBeams: 128,
          numReturnSequences: 100,
          maxNewTokens: 4,
          earlyStopping: "never",
          lengthPenalty,
          batchRows: 256,
        },
        4,
      );
      examples.forEach(({ inputIds }, i) => {
        const all = exhaustive(inputIds, { vocabulary: 4, start: 0, end: 1, most: 4, lengthPenalty });
        expect(all).toHaveLength(1 + 3 + 9 + 27 * 4);
        expect(found.sequences.slice(i * 100, (i + 1) * 100)).toEqual(
          all.slice(0, 100).map(({ tokens }) => tokens),
        );
        all.slice(0, 100).forEach(({ score }, j) => {
          expect(found.scores?.[i * 100 + j]).toBeCloseTo(score, 5);
        });
      });
    },
  );

  test("a source alone gives what it gives among others, however many fit", async () => {
    const options = { numBeams: 3, numReturnSequences: 2, maxNewTokens: 9, lengthPenalty: 0.7 };
    const together = await run(options);
    const few = await run({ ...options, batchRows: 6 });
    expect(few.sequences).toEqual(together.sequences);
    expect(Math.max(...few.model.steps)).toBeLessThanOrEqual(6);
    for (const [i, example] of examples.entries()) {
      const alone = await generate(new TableModel(10), [example], options);
      expect(lists(alone.sequences)).toEqual(together.sequences.slice(2 * i, 2 * i + 2));
      expect(alone.scores).toEqual(together.scores?.slice(2 * i, 2 * i + 2));
    }
  });

  test("log-probabilities add up to the score", async () => {
    const {
      scores,
      logProbabilities: logs,
      sequences,
    } = await run({
      numBeams: 4,
      numReturnSequences: 4,
      maxNewTokens: 6,
    });
    logs.forEach((values, i) => {
      expect(values).toHaveLength(sequences[i].length - 1);
      const sum = values.reduce((total, value) => total + value, 0);
      expect(sum / values.length).toBeCloseTo(scores?.[i] as number, 5);
    });
  });

  test("sources that finish leave, and nothing is computed for them", async () => {
    const { model, sequences } = await run({ numBeams: 2, maxNewTokens: 10, earlyStopping: true });
    expect(new Set(sequences.map(({ length }) => length)).size).toBeGreaterThan(1);
    expect(model.steps[0]).toBe(examples.length);
    expect(model.steps[model.steps.length - 1]).toBeLessThan(2 * examples.length);
  });

  test("equal scores go by the smaller token", async () => {
    const level = { process: (scores: Float32Array) => void scores.fill(-1) };
    const { sequences } = await run({
      numBeams: 2,
      numReturnSequences: 2,
      maxNewTokens: 2,
      processors: [level],
    });
    // Token 1 is the end: it finishes first, at the same score per token.
    expect(sequences.slice(0, 2)).toEqual([
      [0, 1],
      [0, 0, 0],
    ]);
  });
});

describe("sampling", () => {
  const options = { doSample: true, maxNewTokens: 6, seed: 11, topK: 0 };

  test("the seed decides, other examples and the batch do not", async () => {
    const first = await run(options);
    expect((await run(options)).sequences).toEqual(first.sequences);
    expect((await run({ ...options, batchRows: 1 })).sequences).toEqual(first.sequences);
    expect((await run({ ...options, seed: 12 })).sequences).not.toEqual(first.sequences);
    const several = await run({ ...options, numReturnSequences: 3 });
    expect(several.sequences.filter((_, i) => i % 3 === 0)).toEqual(first.sequences);
    expect(new Set(several.sequences.map(String)).size).toBeGreaterThan(examples.length);
  });

  test("tokens come as often as their probabilities say", async () => {
    const count = 4000;
    const model = new TableModel(10);
    const one = { ...options, maxNewTokens: 1, numReturnSequences: count };
    const { sequences } = await generate(model, examples.slice(0, 1), one);
    const seen = new Array(10).fill(0);
    for (const tokens of sequences) seen[tokens[1]]++;
    const expected = logProbabilities(tableLogits(examples[0].inputIds, [0], 10)).map(Math.exp);
    expected.forEach((p, token) => {
      // Four standard deviations.
      expect(Math.abs(seen[token] / count - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / count));
    });
  });

  test("top-k and top-p leave the likeliest", async () => {
    const { sequences } = await run({ ...options, topK: 1 });
    expect(sequences).toEqual((await run({ maxNewTokens: 6 })).sequences);
    expect((await run({ ...options, topP: 0 })).sequences).toEqual(sequences);
  });

  test("beams draw different continuations, the same for a seed", async () => {
    const beams = { ...options, numBeams: 4, numReturnSequences: 4 };
    const first = await run(beams);
    expect((await run({ ...beams, batchRows: 4 })).sequences).toEqual(first.sequences);
    expect((await run({ ...beams, seed: 5 })).sequences).not.toEqual(first.sequences);
    for (let i = 0; i < examples.length; i++) {
      const own = first.sequences.slice(4 * i, 4 * i + 4);
      expect(new Set(own.map(String)).size).toBe(4);
      const scores = Array.from(first.scores?.slice(4 * i, 4 * i + 4) ?? []);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }
  });
});

describe("constraints", () => {
  // Tokens 2 to 9; the allowed sentences by their words.
  const sentences = [
    [2, 3, 1],
    [2, 4, 4, 1],
    [5, 1],
  ];
  const prefixAllowedTokens = (_: number, tokens: Int32Array) => {
    const said = Array.from(tokens.slice(1));
    const fitting = sentences.filter(
      (s) => said.every((token, i) => s[i] === token) && s.length > said.length,
    );
    return fitting.map((s) => s[said.length]);
  };

  test("only allowed prefixes come out, and all of them", async () => {
    const { sequences, scores } = await run({
      numBeams: 3,
      numReturnSequences: 3,
      maxNewTokens: 6,
      prefixAllowedTokens,
    });
    const expected = sentences.map((sentence) => [0, ...sentence].join()).sort();
    for (let i = 0; i < examples.length; i++) {
      expect(
        sequences
          .slice(3 * i, 3 * i + 3)
          .map(String)
          .sort(),
      ).toEqual(expected);
    }
    expect(Math.min(...(scores ?? []))).toBeGreaterThan(-100);
  });

  test("where there are fewer sequences than asked for, the prompt stands with a score of -1e9", async () => {
    const { sequences, scores } = await run({
      numBeams: 4,
      numReturnSequences: 4,
      maxNewTokens: 6,
      prefixAllowedTokens,
    });
    expect(sequences[3]).toEqual([0]);
    expect(scores?.[3]).toBe(-1e9);
  });

  test.each([
    [[], "got none"],
    [[10], "got 10"],
  ])("prefixes that give %p are an error", async (allowed, message) => {
    const failing = run({ maxNewTokens: 3, prefixAllowedTokens: () => allowed });
    await expect(failing).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  test("stop strings end a sequence", async () => {
    const tokenizer = { decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => `<${id}>`).join("") };
    const plain = await run({ maxNewTokens: 8 });
    const long = plain.sequences.findIndex(({ length }) => length > 5);
    const [a, b] = plain.sequences[long].slice(2);
    const { sequences } = await run({ maxNewTokens: 8, stopStrings: `<${a}><${b}>`, tokenizer });
    expect(sequences[long]).toEqual(plain.sequences[long].slice(0, 4));
  });
});

test("a stream gives the tokens of greedy search as they come", async () => {
  const { sequences, logProbabilities: logs } = await run({ maxNewTokens: 8 });
  const model = new TableModel(10);
  const tokens: number[] = [];
  for await (const { token, logProbability } of stream(model, examples[0], { maxNewTokens: 8 })) {
    expect(logProbability).toBeCloseTo(logs[0][tokens.length], 6);
    tokens.push(token);
  }
  expect([0, ...tokens]).toEqual(sequences[0]);
  // Breaking out frees all.
  const left = new TableModel(10);
  for await (const _ of stream(left, examples[0], { maxNewTokens: 8 })) break;
  expect(left.disposed).toBe(1);
});

describe("what goes wrong", () => {
  test("an abort in mid-beam lets go of the model", async () => {
    const model = new TableModel(10);
    const controller = new AbortController();
    const processors = [
      {
        process: (_: Float32Array, tokens: Int32Array) => {
          if (tokens.length === 4) controller.abort(new Error("enough"));
        },
      },
    ];
    const options = { numBeams: 4, maxNewTokens: 9, signal: controller.signal, processors };
    const failing = generate(model, examples, options);
    await expect(failing).rejects.toMatchObject({ code: "ERR_ABORTED", cause: { message: "enough" } });
    expect(model.steps).toHaveLength(4);
    expect(model.disposed).toBe(1);
    const late = generate(model, examples, { ...options, signal: AbortSignal.abort() });
    await expect(late).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test.each([1, 3])("all words banned, with %p beams", async (numBeams) => {
    const suppressTokens = Array.from({ length: 10 }, (_, i) => i);
    const model = new TableModel(10);
    const failing = generate(model, examples, { suppressTokens, numBeams, maxNewTokens: 3 });
    await expect(failing).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining("all are forbidden by the options"),
    });
    expect(model.disposed).toBe(1);
  });

  test.each<[string, { inputIds?: number[] }, GenerateOptions]>([
    ["inputIds of example 0 must have at least one token, got none", { inputIds: [] }, {}],
    ["inputIds of example 0 must be token ids, got none", {}, {}],
    ["inputIds of example 0 must be tokens from 0 to 9, got 10", { inputIds: [3, 10] }, {}],
    ["example 0 has 7 tokens, the model has positions for 6", { inputIds: [1, 2, 3, 4, 5, 6, 7] }, {}],
    ["may get 101 tokens, the model has positions for 12", { inputIds: [1] }, { maxNewTokens: 100 }],
    ["maxLength must be above the 1 tokens that example 0 begins with", { inputIds: [1] }, { maxLength: 1 }],
    [
      "the least length must be at most the largest (5), got 7",
      { inputIds: [1] },
      { maxLength: 5, minNewTokens: 6 },
    ],
    ["eosTokenId must be below 10, the model's vocabulary, got 10", { inputIds: [1] }, { eosTokenId: 10 }],
  ])("%s", async (message, example, options) => {
    const failing = generate(new TableModel(10), [example], options);
    await expect(failing).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  test("no examples, no start, beams in a stream", async () => {
    const code = { code: "ERR_ARGUMENT" };
    await expect(generate(new TableModel(10), [])).rejects.toMatchObject(code);
    await expect(generate(new TableModel(10, {}), examples)).rejects.toMatchObject(code);
    await expect(stream(new TableModel(10), examples[0], { numBeams: 2 }).next()).rejects.toMatchObject(code);
  });
});
