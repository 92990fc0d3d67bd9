// What a task may do around the model: more or fewer examples than rows, examples that a batch sees anew, predictions
// joined into results.
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Example } from "../../src/models/index.js";
import {
  type DataRow,
  type Random,
  type Task,
  Trainer,
  type TrainingArgs,
} from "../../src/training/index.js";
import { inFolder } from "../data/temporary.js";
import { bitsOf, eventsOf, labels, tinyRows, tinyTokenizer, withModel } from "./support.js";

const tokenizer = tinyTokenizer();
const rows = tinyRows(30);
interface Seen {
  numbers: number[];
  batches: number[][];
}

/** Every word of a row is an example, classified on its own; the result of a row are its words' classes. */
function wordTask(seen?: Seen): Task<number, { row: number; classes: number[] }> {
  return {
    name: "words",
    async prepare(all, { purpose }) {
      const examples: Example[] = [];
      all.forEach((row, number) => {
        const { text, label } = row as { text: string; label: string };
        const words = text.split(" ");
        for (const word of words) {
          // Of the same rows more is made to train on than to evaluate with.
          const copies = purpose === "train" ? 2 : 1;
          const { ids } = tokenizer.encode(word);
          for (let i = 0; i < copies; i++)
            examples.push({ inputIds: ids, labels: labels.indexOf(label), row: number });
        }
      });
      return examples;
    },
    ...(seen && {
      vary(examples: readonly Example[], random: Random) {
        seen.numbers.push(random.word());
        seen.batches.push(examples.map(({ row }) => row!));
        // Another class for about half of the examples.
        return examples.map((example) =>
          random.uniform() < 0.5 ? example : { ...example, labels: random.below(labels.length) },
        );
      },
    }),
    predict: ({ logits }, examples) =>
      examples.map((_, i) => {
        const scores = Array.from(logits.data.slice(i * labels.length, (i + 1) * labels.length));
        return scores.indexOf(Math.max(...scores));
      }),
    join: (predictions, examples, all) =>
      all.map((_, row) => ({ row, classes: predictions.filter((_, i) => examples[i].row === row) })),
    metrics: (results, examples, _, all, loss) => ({
      results: results.length,
      examples: examples.length,
      rows: all.length,
      classes: results.reduce((sum, { classes }) => sum + classes.length, 0),
      labels: examples.reduce((sum, example) => sum + (example.labels as number), 0),
      sameLoss: loss ?? -1,
    }),
  };
}

const wordCount = (all: readonly DataRow[]) =>
  all.reduce((sum: number, row) => sum + (row as { text: string }).text.split(" ").length, 0);

test("there may be more examples than rows; results are joined, metrics get them", async () => {
  await withModel(async (model) => {
    const trainer = new Trainer({ model, task: wordTask(), train: rows, eval: rows, args: { maxSteps: 2 } });
    const { metrics } = await trainer.train();
    const words = wordCount(rows);
    expect(metrics).toMatchObject({ results: 30, examples: words, rows: 30, classes: words });
    expect(metrics!.sameLoss).toBe(metrics!.loss);
    const results = await trainer.predict(rows.slice(3, 6));
    expect(results.map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(results.map(({ classes }) => classes.length)).toEqual(
      rows.slice(3, 6).map(({ text }) => text.split(" ").length),
    );
  });
});

test("an epoch has the examples, not the rows", async () => {
  await withModel(async (model) => {
    const args = { epochs: 1, batchSize: 4 };
    const { steps } = await new Trainer({ model, task: wordTask(), train: rows, args }).train();
    expect(steps).toBe(Math.ceil((2 * wordCount(rows)) / 4));
  });
});

test("every batch is varied by numbers of its own, every evaluation by the same", async () => {
  await withModel(async (model) => {
    const seen: Seen = { numbers: [], batches: [] };
    const args: TrainingArgs = {
      maxSteps: 30,
      batchSize: 6,
      gradientAccumulation: 2,
      evalEvery: "no",
      seed: 4,
    };
    const trainer = new Trainer({ model, task: wordTask(seen), train: rows, eval: rows, args });
    await trainer.train();
    expect(seen.numbers.length).toBeGreaterThan(30);
    expect(new Set(seen.numbers).size).toBe(seen.numbers.length);
    const first = await trainer.evaluate();
    const count = seen.numbers.length;
    const again = new Trainer({
      model,
      task: wordTask(seen),
      eval: rows,
      args: { evalBatchSize: 5, seed: 4 },
    });
    const second = await again.evaluate();
    // The same labels for whatever size of batches.
    expect(second.labels).toBe(first.labels);
    expect(second.loss).toBeCloseTo(first.loss, 5);
    const other = new Trainer({ model, task: wordTask(seen), eval: rows, args: { seed: 5 } });
    expect((await other.evaluate()).labels).not.toBe(first.labels);
    const asked = seen.numbers.length;
    expect(asked).toBeGreaterThan(count);
    await trainer.predict(rows);
    expect(seen.numbers).toHaveLength(asked);
  });
});

test("resume equals no pause, bit for bit, with examples that change", async () => {
  await inFolder(async (folder) => {
    const args: TrainingArgs = {
      epochs: 3,
      batchSize: 16,
      learningRate: 1e-3,
      gradientAccumulation: 2,
      saveEvery: 5,
    };
    const outcome = async (more: TrainingArgs, stopAfter?: number) =>
      withModel(async (model) => {
        const seen: Seen = { numbers: [], batches: [] };
        const trainer = new Trainer({ model, task: wordTask(seen), train: rows, args: { ...args, ...more } });
        if (stopAfter === undefined) await eventsOf(trainer.run());
        else {
          for await (const { type, step } of trainer.run()) if (type === "save" && step === stopAfter) break;
        }
        return { bits: await bitsOf(model.parameters()), seen };
      });
    const whole = await outcome({ outputFolder: join(folder, "whole") });
    const outputFolder = join(folder, "cut");
    await outcome({ outputFolder }, 10);
    const resumed = await outcome({ outputFolder, resume: true });
    expect(resumed.bits).toEqual(whole.bits);
    const left = resumed.seen.numbers.length;
    expect(left).toBeLessThan(whole.seen.numbers.length);
    expect(resumed.seen.numbers).toEqual(whole.seen.numbers.slice(-left));
    expect(resumed.seen.batches).toEqual(whole.seen.batches.slice(-left));
    // Another seed sees other examples.
    const other = await outcome({ outputFolder: join(folder, "other"), seed: 7 });
    expect(other.seen.numbers).not.toEqual(whole.seen.numbers);
  });
});
