// The run itself: its events, its bits, its end.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AutoModelForSequenceClassification, type Example, type Model } from "../../src/models/index.js";
import { engineState, memory, synchronize } from "../../src/tensor/device.js";
import { Trainer, type TrainingArgs } from "../../src/training/index.js";
import { inFolder } from "../data/temporary.js";
import { bitsOf, eventsOf, labels, tinyModel, tinyRows, tinyTokenizer, withModel } from "./support.js";

const tokenizer = tinyTokenizer();
const rows = tinyRows(50);
const code = (wanted: string) => expect.objectContaining({ code: wanted });

/** Trains a fresh model and gives its events and final bits. */
async function outcome(args: TrainingArgs, train = rows): Promise<{ events: unknown[]; bits: unknown }> {
  return withModel(async (model) => {
    const events = await eventsOf(new Trainer({ model, tokenizer, train, args }).run());
    return { events, bits: await bitsOf(model.parameters()) };
  });
}

describe("a whole run", () => {
  let model: Model;
  beforeAll(async () => {
    model = await tinyModel();
  });
  afterAll(() => model.dispose());

  test("learns, tells what happens, and gives predictions", async () => {
    const [train, held] = [tinyRows(300, 2), tinyRows(60, 3)];
    const args = { epochs: 10, batchSize: 16, learningRate: 3e-3, warmupRatio: 0.1, logEvery: 10 };
    const seen: string[] = [];
    const callbacks = [(event: { type: string }) => void seen.push(event.type)];
    const trainer = new Trainer({ model, tokenizer, train, eval: held, args, callbacks });
    const result = await trainer.train();
    expect(result.steps).toBe(10 * 19);
    expect(result.metrics!.accuracy).toBeGreaterThan(0.9);
    expect(result.tokens).toBeGreaterThan(10 * 300 * 3);
    const count = (type: string) => seen.filter((name) => name === type).length;
    expect(["step", "log", "epoch", "evaluate", "save", "end"].map(count)).toEqual([190, 19, 10, 10, 0, 1]);
    const [answer] = (await trainer.predict([{ text: "where is my cash" }])) as {
      label: string;
      scores: Float32Array;
    }[];
    expect(answer.label).toBe("cash");
    expect(answer.scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
    expect(await trainer.predict([])).toEqual([]);
    expect((await trainer.evaluate(held)).accuracy).toBe(result.metrics!.accuracy);
    expect(model.training).toBe(false);
  });
});

test("the same run twice gives the same bits; another seed gives others", async () => {
  const args = { epochs: 2, batchSize: 8, learningRate: 1e-3, seed: 5 };
  const first = await outcome(args);
  expect(await outcome(args)).toEqual(first);
  expect((await outcome({ ...args, seed: 6 })).bits).not.toEqual(first.bits);
});

test.each<TrainingArgs>([
  { batchSize: 8, saveEvery: 5 },
  { tokensPerBatch: 60, gradientAccumulation: 2, saveEvery: 3 },
  { batchSize: 8, saveEvery: "epoch", groupByLength: true },
  { saveEvery: 5, optimizer: "sgd", optimizerOptions: { momentum: 0.9, nesterov: true } },
  { saveEvery: 5, optimizer: "adagrad", optimizerOptions: { lrDecay: 0.01 }, gradientCheckpointing: true },
  {
    saveEvery: 5,
    optimizer: "rmsprop",
    optimizerOptions: { momentum: 0.9, centered: true },
    weightDecay: 0.1,
  },
  { saveEvery: 5, labelSmoothing: 0.1, parameterGroups: [{ pattern: /classifier/, learningRate: 3 }] },
])("resume equals no pause, bit for bit: %j", async (how) => {
  await inFolder(async (folder) => {
    const args: TrainingArgs = { epochs: 3, learningRate: 1e-3, warmupRatio: 0.2, logEvery: 4, ...how };
    const whole = await outcome({ ...args, outputFolder: join(folder, "whole") });
    // The second one ends early, as after a crash: only its checkpoints are left.
    const outputFolder = join(folder, "cut");
    let saves = 0;
    await withModel(async (model) => {
      for await (const event of new Trainer({
        model,
        tokenizer,
        train: rows,
        args: { ...args, outputFolder },
      }).run()) {
        if (event.type === "save" && ++saves === 2) break;
      }
    });
    const resumed = await outcome({ ...args, outputFolder, resume: true });
    expect(resumed.bits).toEqual(whole.bits);
    // Also the events after the pause are those of the whole run, apart from folder names.
    const plain = (events: unknown[]) => events.map((event) => ({ ...(event as object), folder: undefined }));
    expect(plain(resumed.events)).toEqual(plain(whole.events).slice(-resumed.events.length));
    expect(resumed.events.length).toBeLessThan(whole.events.length);
  });
});

test("a checkpoint of other arguments or data is refused, naming what differs", async () => {
  await inFolder(async (outputFolder) => {
    const args: TrainingArgs = { maxSteps: 4, batchSize: 8, saveEvery: 2, outputFolder };
    await outcome(args);
    const refusal = (more: TrainingArgs, train = rows) => outcome({ ...args, resume: true, ...more }, train);
    const needed = (text: string) => ({ code: "ERR_CHECKPOINT", message: expect.stringContaining(text) });
    await expect(refusal({ learningRate: 1e-3 })).rejects.toMatchObject(
      needed("learningRate was 0.00005, is 0.001"),
    );
    await expect(refusal({}, tinyRows(50, 9))).rejects.toMatchObject(needed("data was"));
    await expect(refusal({ resume: join(outputFolder, "checkpoint-3") })).rejects.toThrow(
      code("ERR_CHECKPOINT"),
    );
    await expect(refusal({ outputFolder: join(outputFolder, "none") })).rejects.toThrow(
      code("ERR_CHECKPOINT"),
    );
    await withModel(
      async (model) => {
        const trainer = new Trainer({ model, tokenizer, train: rows, args: { ...args, resume: true } });
        const before = await bitsOf(model.parameters());
        await expect(trainer.train()).rejects.toThrow(code("ERR_CHECKPOINT"));
        expect(await bitsOf(model.parameters())).toEqual(before);
      },
      { intermediate_size: 32 },
    );
  });
});

test("a checkpoint loads as a model; old ones go, the best stays and comes back", async () => {
  await inFolder(async (outputFolder) => {
    await withModel(async (model) => {
      const losses = [0.5, 0.25, 1, 2, 3, 4];
      const computeMetrics = () => ({ badness: losses.shift()! });
      const args: TrainingArgs = {
        ...{ maxSteps: 6, batchSize: 8, learningRate: 1e-3, outputFolder, saveTotalLimit: 1, saveEvery: 1 },
        ...{ evalEvery: 1, loadBestAtEnd: true, metric: "badness", greaterIsBetter: false },
      };
      const trainer = new Trainer({ model, tokenizer, train: rows, eval: rows, args, computeMetrics });
      const { best } = await trainer.train();
      expect(best).toMatchObject({ metric: "badness", value: 0.25, step: 2 });
      expect(readdirSync(outputFolder).sort()).toEqual(["checkpoint-2", "checkpoint-6", "run.json"]);
      const folder = join(outputFolder, "checkpoint-2");
      const loaded = await AutoModelForSequenceClassification.fromPretrained(folder);
      expect(loaded.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
      expect(await bitsOf(loaded.parameters())).toEqual(await bitsOf(model.parameters()));
      loaded.dispose();
    });
  });
});

describe("a run that ends early", () => {
  const args: TrainingArgs = { epochs: 50, batchSize: 4, learningRate: 1e-3 };

  async function check(stop: (trainer: Trainer) => Promise<void>): Promise<void> {
    await withModel(async (model) => {
      const trainer = new Trainer({ model, tokenizer, train: rows, args });
      await synchronize();
      const before = { handles: engineState().liveHandles, bytes: memory().live };
      await stop(trainer);
      await synchronize();
      expect({ handles: engineState().liveHandles, bytes: memory().live }).toEqual(before);
      expect(model.training).toBe(false);
      expect([...model.parameters().values()].every((parameter) => parameter.grad === null)).toBe(true);
      expect(await trainer.predict([{ text: "my card" }])).toHaveLength(1);
      // And it can train again.
      for await (const { type } of trainer.run()) if (type === "epoch") break;
    });
  }

  test("by leaving the loop", () =>
    check(async (trainer) => {
      for await (const { step } of trainer.run()) if (step === 5) break;
    }));

  test("by a signal, at once or later", () =>
    check(async (trainer) => {
      const abort = new AbortController();
      let steps = 0;
      const run = async () => {
        for await (const { step } of trainer.run({ signal: abort.signal })) {
          steps = step;
          if (step === 5) abort.abort(new Error("enough"));
        }
      };
      const error = await run().catch((caught) => caught);
      expect(error).toMatchObject({
        code: "ERR_ABORTED",
        cause: expect.objectContaining({ message: "enough" }),
      });
      expect(steps).toBe(5);
      await expect(trainer.train({ signal: abort.signal })).rejects.toThrow(code("ERR_ABORTED"));
      await expect(trainer.evaluate(rows, { signal: abort.signal })).rejects.toThrow(code("ERR_ABORTED"));
    }));

  test("by a signal from a timer, in the middle of something", () =>
    check(async (trainer) => {
      await expect(trainer.train({ signal: AbortSignal.timeout(60) })).rejects.toThrow(code("ERR_ABORTED"));
    }));
});

test("a second run beside the first is refused", async () => {
  await withModel(async (model) => {
    const trainer = new Trainer({ model, tokenizer, train: rows, args: { maxSteps: 3 } });
    const first = trainer.train();
    await expect(trainer.train()).rejects.toThrow(code("ERR_ARGUMENT"));
    expect((await first).steps).toBe(3);
  });
});

test("modelInit makes a model for every run", async () => {
  const models: Model[] = [];
  const modelInit = async () => {
    models.push(await tinyModel());
    return models[models.length - 1];
  };
  const trainer = new Trainer({
    modelInit,
    tokenizer,
    train: rows,
    args: { maxSteps: 3, learningRate: 1e-3 },
  });
  const [first, second] = [await trainer.train(), await trainer.train()];
  expect(second.loss).toBe(first.loss);
  expect(models).toHaveLength(2);
  for (const model of models) model.dispose();
});

test("steps and warm-up are counted as Transformers counts them", async () => {
  await withModel(async (model) => {
    // 50 rows in batches of 8: 7 batches; groups of two: 4 steps; one and a half epochs: 6.
    const args: TrainingArgs = {
      epochs: 1.5,
      batchSize: 8,
      gradientAccumulation: 2,
      warmupRatio: 0.3,
      learningRate: 1,
    };
    const trainer = new Trainer({ model, tokenizer, train: rows, args: { ...args, logEvery: 100 } });
    const events = (await eventsOf(trainer.run())).filter(({ type }) => type === "step");
    expect(events.map(({ learningRate }) => learningRate)).toEqual([0, 1 / 2, 1, 3 / 4, 2 / 4, 1 / 4]);
    expect(events.map(({ epoch }) => epoch)).toEqual([0.25, 0.5, 0.75, 1, 1.25, 1.5]);
    expect(events[0].totalSteps).toBe(6);
  });
});

describe("arguments of the optimizer", () => {
  /** What a run of one step with a constant rate changed each parameter by. */
  const changesOf = async (args: TrainingArgs) => {
    const outcomeOf = (maxSteps: number) =>
      withModel(async (model) => {
        const one = { schedule: "constant" as const, maxGradNorm: Number.POSITIVE_INFINITY, shuffle: false };
        if (maxSteps > 0) {
          await new Trainer({ model, tokenizer, train: rows, args: { ...one, maxSteps, ...args } }).train();
        }
        const values = new Map<string, Float32Array>();
        for (const [name, parameter] of model.parameters())
          values.set(name, (await parameter.data()) as Float32Array);
        return values;
      });
    const [before, after] = [await outcomeOf(0), await outcomeOf(1)];
    const changes = new Map<string, number[]>();
    for (const [name, values] of after)
      changes.set(
        name,
        [...values].map((value, i) => value - before.get(name)![i]),
      );
    return { before, changes };
  };
  const sgd: TrainingArgs = { optimizer: "sgd", learningRate: 0.5 };

  test("groups multiply learning rate and weight decay of what they name", async () => {
    const { changes: plain } = await changesOf(sgd);
    const parameterGroups = [
      { pattern: "layer.0.", learningRate: 0 },
      { pattern: /classifier/, learningRate: 4 },
      { pattern: /layer/, learningRate: 0.5 },
    ];
    const { changes } = await changesOf({ ...sgd, parameterGroups });
    for (const [name, values] of plain) {
      const factor = name.includes("layer.0.")
        ? 0
        : name.includes("classifier")
          ? 4
          : name.includes("layer")
            ? 0.5
            : 1;
      values.forEach((value, i) => {
        expect(Math.abs(changes.get(name)![i] - value * factor)).toBeLessThanOrEqual(2e-6);
      });
    }
  });

  test("weight decay goes by the group, and to no bias or norm", async () => {
    const { before, changes: plain } = await changesOf(sgd);
    const decay = { weightDecay: 0.1, parameterGroups: [{ pattern: "classifier", weightDecay: 3 }] };
    const { changes } = await changesOf({ ...sgd, ...decay });
    for (const [name, values] of plain) {
      const share = /bias|LayerNorm/.test(name) ? 0 : name.includes("classifier") ? 0.3 : 0.1;
      values.forEach((value, i) => {
        const wanted = value - 0.5 * share * before.get(name)![i];
        expect(Math.abs(changes.get(name)![i] - wanted)).toBeLessThanOrEqual(2e-6);
      });
    }
  });

  test.each<TrainingArgs>([
    { optimizer: "sgd", learningRate: 0.05, optimizerOptions: { momentum: 0.9, nesterov: true } },
    { optimizer: "adagrad", learningRate: 0.02 },
    { optimizer: "rmsprop", learningRate: 1e-3, optimizerOptions: { centered: true } },
  ])("learns: %j", async (args) => {
    await withModel(async (model) => {
      const train = tinyRows(150, 2);
      const trainer = new Trainer({ model, tokenizer, train, args: { epochs: 12, batchSize: 16, ...args } });
      const before = (await trainer.evaluate(train)).loss;
      await trainer.train();
      const { loss, accuracy } = await trainer.evaluate(train);
      expect(loss).toBeLessThan(0.5 * before);
      expect(accuracy).toBeGreaterThan(0.8);
    });
  });
});

test("rows in their own order, and no batch that is not full", async () => {
  await withModel(async (model) => {
    const seen: string[] = [];
    const prepare = (row: object) => row as Example;
    const collate = model.collate.bind(model);
    model.collate = (examples) => {
      seen.push(examples.map(({ labels }) => labels).join());
      return collate(examples);
    };
    const train = Array.from({ length: 7 }, (_, i) => ({ inputIds: [1, 2], labels: i % 3 }));
    await new Trainer({
      model,
      train,
      prepare,
      args: { epochs: 2, batchSize: 3, shuffle: false, dropLast: true },
    }).train();
    expect(seen).toEqual(["0,1,2", "0,1,2", "0,1,2", "0,1,2"]);
    const few = new Trainer({
      model,
      train: train.slice(0, 2),
      prepare,
      args: { batchSize: 3, dropLast: true },
    });
    await expect(few.train()).rejects.toThrow(code("ERR_DATA"));
  });
});

test("labels may be names or ids", async () => {
  await withModel(async (model) => {
    const trainer = new Trainer({ model, tokenizer, train: rows, args: { maxSteps: 1 } });
    const lossWith = async (label: (row: { label: string }) => unknown) =>
      (await trainer.evaluate(rows.map((row) => ({ text: row.text, label: label(row) })))).loss;
    expect(await lossWith(({ label }) => labels.indexOf(label))).toBe(await lossWith(({ label }) => label));
  });
});
