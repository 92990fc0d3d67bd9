// The comparison of tasks: what its table says of a result, and what the peer is given.
import { describe, expect, test } from "@jest/globals";
import { type ResultLine, report } from "../../benchmarks/report.js";
import { shortPairs } from "../../benchmarks/tasks/generative-workloads.js";
import { record } from "../../benchmarks/tasks/record.js";
import { speedRatio, type TaskResult, taskNotes, taskRow } from "../../benchmarks/tasks/result.js";
import { trainVocabulary } from "../../benchmarks/tasks/trained-vocabulary.js";
import { causalLanguageModeling, textClassification } from "../../src/tasks/index.js";
import { maskedLanguageModeling } from "../../src/tasks/masked-language-modeling.js";
import { Trainer, type TrainingArgs } from "../../src/training/index.js";
import { tinyRows, tinyTokenizer, withModel } from "../training/support.js";

const engine = { engine: "one", losses: [2, 1], metrics: { accuracy: 0.5 }, peakMb: 300 };

const result: TaskResult = {
  ...{ kind: "task", name: "text-classification/sst2", model: "BERT", parameters: 100, steps: 6, epochs: 2 },
  ...{ rows: { train: 10, evaluate: 4 }, examples: { train: 12, evaluate: 4 }, tokens: 99, turnSteps: 2 },
  metric: "accuracy",
  ours: { ...engine, secondsPerEpoch: 1.5, turns: [1, 1, 1] },
  torch: { ...engine, secondsPerEpoch: 4, turns: [4, 1, 3], peakMb: null },
  difference: 1e-6,
};

describe("the table", () => {
  test("the ratio is the median over turns", () => {
    expect(speedRatio(result)).toBe(3);
    expect(speedRatio({ ...result, torch: undefined })).toBeUndefined();
  });

  test("a row says what differs and what was not reached", () => {
    const name = "text-classification/sst2";
    expect(taskRow(result)).toEqual([
      ...[name, "10 (12 examples), 4", "6", "1.0e-6", "accuracy", "0.5000", "0.5000"],
      ...["1.5", "4.0", "3.00x", "300", "-"],
    ]);
    const bad = taskRow({ ...result, difference: 0.1, atLeast: 0.95 });
    expect(bad.slice(0, 6)).toEqual([
      ...[`${name}, by heart`, "10 (12 examples), 4", "6", "1.0e-1 (MORE THAN 0.001)"],
      ...["accuracy", "0.5000 (BELOW 0.95)"],
    ]);
  });

  test("notes name every model, and losses over the evaluation rows that are too far apart", () => {
    const close = { ...result, ours: { ...result.ours, evalLoss: 1.25 } };
    const far = { ...close, model: "GPT-2", torch: { ...result.torch!, evalLoss: 1.375 }, lossWithin: 0.01 };
    const notes = taskNotes([close, far]);
    expect(notes).toMatch(/^BERT; GPT-2, fresh weights/);
    expect(notes).toContain("at step 2; over the evaluation rows ours 1.25000, PyTorch -\n");
    expect(notes).toContain("ours 1.25000, PyTorch 1.37500 (MORE THAN 0.01 APART)");
  });

  test("a page of results", () => {
    const peaks = { fma1: 1, fma: 2, fma256: 1, read1: 1, read: 1 };
    const run = {
      kind: "run",
      commit: "abc",
      date: "2026-01-01T00:00:00Z",
      cpu: "CPU",
      cores: 2,
      threads: 2,
    };
    const page = report([{ ...run, node: "v20", samples: 0, peaks } as ResultLine, result]);
    expect(page).toContain("| text-classification/sst2 |");
    expect(page).toContain("loss 2.00000 at step 1, ours 1.00000, PyTorch 1.00000 at step 2");
    expect(page).not.toContain("samples each");
  });
});

describe("the recording", () => {
  const args: TrainingArgs = { epochs: 2, batchSize: 8, learningRate: 1e-3, warmupRatio: 0.5, seed: 7 };
  const tokenizer = tinyTokenizer();
  const train = tinyRows(20);

  test("holds the examples and learning rates that the Trainer gives the model itself", async () => {
    await withModel(async (model) => {
      const task = textClassification();
      const recorded = await record(model, { tokenizer, task, train, evaluate: train, args });
      const seen: number[][][] = [];
      const collate = model.collate.bind(model);
      model.collate = (examples) => {
        seen.push(examples.map(({ inputIds }) => Array.from(inputIds!)));
        return collate(examples);
      };
      const rates: number[] = [];
      const trainer = new Trainer({
        model,
        tokenizer,
        task,
        train,
        eval: train,
        args: { ...args, evalEvery: "no" },
      });
      for await (const event of trainer.run()) if (event.type === "step") rates.push(event.learningRate);
      expect(recorded.learningRates).toEqual(rates);
      const steps = recorded.steps.map((examples) => examples.map(({ inputIds }) => Array.from(inputIds!)));
      expect(steps).toEqual(seen.slice(0, steps.length));
      expect(steps).toHaveLength(6);
      expect(recorded.evaluation).toHaveLength(20);
    });
  });

  test("holds the blocks of a task that generates, asking no model; epochs may be a fraction", async () => {
    await withModel(async (model) => {
      const task = causalLanguageModeling({ maxLength: 8 });
      const part = { ...args, maxSteps: 3, batchSize: 2 };
      const recorded = await record(model, { tokenizer, task, train, evaluate: train, args: part });
      expect(recorded.steps.map(({ length }) => length)).toEqual([2, 2, 2]);
      expect(recorded.steps.flat().every(({ labels }) => (labels as Int32Array).length === 8)).toBe(true);
      const blocks = await task.prepare(train, {
        ...{ model, tokenizer, labels: "required", purpose: "train", rest: async () => {} },
      });
      expect(recorded.epochs).toBeCloseTo(6 / blocks.length, 6);
      expect(recorded.evaluation.length).toBeGreaterThan(0);
    });
  });

  test("holds masks, anew in every epoch", async () => {
    await withModel(async (model) => {
      const task = maskedLanguageModeling({ lineByLine: true, probability: 0.5 });
      const { steps } = await record(model, { tokenizer, task, train, evaluate: train, args });
      const labels = steps.flat().map((example) => Array.from(example.labels as Int32Array));
      expect(labels).toHaveLength(40);
      expect(labels.some((row) => row.some((label) => label !== -100))).toBe(true);
      expect(new Set(labels.map(String)).size).toBeGreaterThan(20);
    });
  });
});

describe("workloads of models that generate", () => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    source: `the ${i % 700}`,
    target: `das ${i}, "straße"\n`,
  }));

  test("no sentence held out is trained on; its translations stand together", () => {
    const train = shortPairs("train")(rows);
    const held = shortPairs("held out")(rows);
    expect(held).toHaveLength(400);
    const sources = new Set(held.map(({ source }) => source));
    expect(train.some(({ source }) => sources.has(source))).toBe(false);
    expect(train.length + held.flatMap(({ target }) => target).length).toBe(1000);
  });

  test("a vocabulary is of the size asked for, special tokens first, and loses no byte", async () => {
    const vocabulary = { size: 300, columns: ["source", "target"], template: "<s> $A </s>" };
    const tokenizer = await trainVocabulary({ ...vocabulary, specialTokens: ["<s>", "</s>"] }, rows);
    expect(tokenizer.vocabSize).toBe(300);
    const { ids, tokens } = tokenizer.encode(rows[17].target);
    expect([tokens[0], ids[0], tokens.at(-1), ids.at(-1)]).toEqual(["<s>", 0, "</s>", 1]);
    expect(ids.length).toBeLessThan(rows[17].target.length);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(rows[17].target);
    expect(tokenizer.encode("日本").tokens).toHaveLength(8);
  });
});
