// The comparison of tasks: what its table says of a result, and what the peer is given.
import { describe, expect, test } from "@jest/globals";
import { type ResultLine, report } from "../../benchmarks/report.js";
import { record } from "../../benchmarks/tasks/record.js";
import { speedRatio, type TaskResult, taskRow } from "../../benchmarks/tasks/result.js";
import { textClassification } from "../../src/tasks/index.js";
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
