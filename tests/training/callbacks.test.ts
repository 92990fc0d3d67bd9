// Callbacks: what they are told, that they can stop a run exactly, and what they keep across a resume.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  earlyStopping,
  type RunContext,
  type TrainEvent,
  Trainer,
  type TrainerCallback,
  type TrainingArgs,
} from "../../src/training/index.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { bitsOf, eventsOf, tinyRows, tinyTokenizer, withModel } from "./support.js";

const tokenizer = tinyTokenizer();
const rows = tinyRows(40);

interface Run {
  args: TrainingArgs;
  callbacks?: readonly TrainerCallback[];
  /** The metric "score" of each evaluation. */
  scores?: number[];
  until?: (event: TrainEvent) => boolean;
}

/** Trains a fresh model; its events, its end and its bits. */
async function outcome({ args, callbacks, scores = [], until = () => false }: Run) {
  return withModel(async (model) => {
    let evaluations = 0;
    const trainer = new Trainer({
      ...{ model, tokenizer, train: rows, eval: rows.slice(0, 8), callbacks },
      args: { learningRate: 1e-3, batchSize: 8, metric: "score", greaterIsBetter: true, ...args },
      computeMetrics: () => ({ score: scores[evaluations++] }),
    });
    const events: TrainEvent[] = [];
    for await (const event of trainer.run()) {
      events.push(event);
      if (until(event)) break;
    }
    return { events, bits: await bitsOf(model.parameters()), calls: model.generator.calls };
  });
}

const types = (events: readonly TrainEvent[]) => events.map(({ type }) => type);

test("each function is called for its event, in order, then onEvent, then plain functions", async () => {
  const told: string[] = [];
  const note = (name: string) => (event: TrainEvent, run: RunContext) => {
    expect(run.totalSteps).toBe(5);
    told.push(`${name} ${event.type} ${event.step}`);
  };
  const first: TrainerCallback = {
    onTrainBegin: ({ firstStep }) => void told.push(`begin ${firstStep}`),
    ...{ onStepEnd: note("a"), onLog: note("a"), onEvaluate: note("a"), onSave: note("a") },
    ...{ onEpochEnd: note("a"), onTrainEnd: note("a"), onEvent: note("b") },
    onClose: ({ status }) => void told.push(`close ${status}`),
  };
  await withModel(async (model) => {
    const second = async (event: TrainEvent) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      told.push(`c ${event.type} ${event.step}`);
    };
    const args = { batchSize: 8, epochs: 1, logEvery: 5 };
    await new Trainer({
      model,
      tokenizer,
      train: rows,
      eval: rows,
      args,
      callbacks: [first, second],
    }).train();
  });
  const all = (type: string, step: number) => ["a", "b", "c"].map((name) => `${name} ${type} ${step}`);
  expect(told).toEqual([
    "begin 0",
    ...[1, 2, 3, 4, 5].flatMap((step) => all("step", step)),
    ...["log", "epoch", "evaluate", "end"].flatMap((type) => all(type, 5)),
    "close finished",
  ]);
});

test("how a run ended", async () => {
  const endOf = async (run: Run) => {
    let status = "";
    const close: TrainerCallback = {
      onClose: (end) => {
        status = end.status;
      },
    };
    await outcome({ ...run, callbacks: [close, ...(run.callbacks ?? [])] }).catch(() => {});
    return status;
  };
  const args = { maxSteps: 3, evalEvery: "no" as const };
  expect(await endOf({ args })).toBe("finished");
  expect(await endOf({ args, until: ({ step }) => step === 1 })).toBe("left");
  expect(await endOf({ args, callbacks: [{ onStepEnd: (_, run) => run.stop("now") }] })).toBe("stopped");
  const fail = () => {
    throw new Error("no");
  };
  expect(await endOf({ args, callbacks: [{ onTrainBegin: fail }] })).toBe("failed");
});

test("a run stopped after a step has made that step and no other", async () => {
  await inFolder(async (folder) => {
    const args: TrainingArgs = { epochs: 2, evalEvery: "no", schedule: "constant", saveEvery: 100 };
    const stop: TrainerCallback = { onStepEnd: ({ step }, run) => void (step === 3 && run.stop("enough")) };
    const stopped = await outcome({ args: { ...args, outputFolder: folder }, callbacks: [stop] });
    const short = await outcome({ args: { ...args, maxSteps: 3, outputFolder: join(folder, "short") } });
    expect(stopped.bits).toEqual(short.bits);
    expect(stopped.calls).toBe(short.calls);
    expect(types(stopped.events)).toEqual(["step", "step", "step", "epoch", "save", "end"]);
    expect(stopped.events.at(-1)).toMatchObject({ step: 3, stopped: "enough" });
    const manifest = JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
    expect(manifest).toMatchObject({ status: "stopped", stopped: "enough", steps: 3, totalSteps: 10 });
    // Taken up again, it is still over.
    const resumed = await outcome({ args: { ...args, outputFolder: folder, resume: true } });
    expect(types(resumed.events)).toEqual(["end"]);
    expect(resumed.bits).toEqual(short.bits);
  });
});

describe("early stopping", () => {
  const args: TrainingArgs = { epochs: 10, evalEvery: 2 };
  const stepsOf = async (scores: number[], options: object, more: TrainingArgs = {}) => {
    const { events } = await outcome({
      args: { ...args, ...more },
      callbacks: [earlyStopping(options)],
      scores,
    });
    return [events.at(-1)!.step, events.at(-1)!.stopped] as const;
  };

  test.each<[string, number[], object, TrainingArgs, number]>([
    ["patience of one", [0.1, 0.2, 0.2], {}, {}, 6],
    ["patience of two, which an improvement renews", [0.3, 0.2, 0.4, 0.4, 0.3], { patience: 2 }, {}, 10],
    ["a threshold", [0.1, 0.15, 0.3, 0.31], { threshold: 0.1 }, {}, 4],
    // transformers.EarlyStoppingCallback measures from the best, however small the gain that made it so.
    ["small gains one after another", [0.1, 0.15, 0.2, 0.25], { threshold: 0.06, patience: 3 }, {}, 8],
    ["less is better", [3, 2, 2.5], {}, { greaterIsBetter: false }, 6],
    ["another metric", [3, 2, 2.5, 2.5], { metric: "score", greaterIsBetter: false }, { metric: "loss" }, 6],
    ["NaN is no improvement", [0.1, Number.NaN], {}, {}, 4],
  ])("%s", async (_, scores, options, more, steps) => {
    const last = await stepsOf(scores, options, more.metric ? { ...more, greaterIsBetter: undefined } : more);
    expect(last).toEqual([steps, expect.stringMatching(/has not improved/)]);
  });

  test("with epochs, and a run that gets better to the end", async () => {
    const run = { args: { epochs: 3 }, callbacks: [earlyStopping()], scores: [1, 2, 3] };
    expect((await outcome(run)).events.at(-1)!.stopped).toBeUndefined();
  });

  test("a resumed run stops where the whole one does, with the same bits", async () => {
    await inFolder(async (folder) => {
      const scores = [0.1, 0.3, 0.2, 0.2, 0.1];
      const run = (outputFolder: string, more: TrainingArgs = {}): Run => ({
        args: { ...args, saveEvery: 2, ...{ outputFolder: join(folder, outputFolder), ...more } },
        callbacks: [earlyStopping({ patience: 3 })],
        scores,
      });
      const whole = await outcome(run("whole"));
      expect(whole.events.at(-1)).toMatchObject({ step: 10 });
      // Interrupted after the save of step 6, with one evaluation without improvement.
      await outcome({ ...run("cut"), until: ({ type, step }) => type === "save" && step === 6 });
      const resumed = await outcome({ ...run("cut", { resume: true }), scores: scores.slice(3) });
      expect(resumed.bits).toEqual(whole.bits);
      expect(resumed.events.at(-1)!.stopped).toBe(whole.events.at(-1)!.stopped);
      // And where its last checkpoint is that of the stop, it does not go on.
      const again = await outcome({ ...run("cut", { resume: true }), scores: [] });
      expect(types(again.events)).toEqual(["end"]);
    });
  });

  test("the best checkpoint stays and comes back", async () => {
    await inFolder(async (outputFolder) => {
      const { bits, events } = await outcome({
        args: { ...args, outputFolder, saveEvery: "best", loadBestAtEnd: true },
        callbacks: [earlyStopping({ patience: 2 })],
        scores: [0.1, 0.4, 0.2, 0.3],
      });
      expect(events.at(-1)!.step).toBe(8);
      expect(readdirSync(outputFolder).sort()).toEqual(["checkpoint-2", "checkpoint-4", "run.json"]);
      const { bits: best } = await outcome({
        args: { ...args, maxSteps: 4, evalEvery: "no", schedule: firstFour },
      });
      expect(bits).toEqual(best);
    });
  });

  test("without evaluations, without the metric, with impossible options", async () => {
    const failing = (run: Partial<Run>, options = {}) =>
      errorOf(() => outcome({ args, callbacks: [earlyStopping(options)], scores: [1, 1], ...run }));
    const of = (text: string) => ({ code: "ERR_ARGUMENT", message: expect.stringContaining(text) });
    expect(await failing({ args: { maxSteps: 2, evalEvery: "no" } })).toEqual(of("evalEvery must be"));
    expect(await failing({}, { metric: "f1" })).toEqual(of("metric must be one of loss, score, got f1"));
    expect(await failing({}, { patience: 0 })).toEqual(of("patience must be"));
    expect(await failing({}, { threshold: -1 })).toEqual(of("threshold must be"));
  });
});

/** The learning rates that the first four steps of a run of fifty have. */
function firstFour(step: number): number {
  return (50 - step) / 50;
}

test.each<[string, unknown, string]>([
  ["no array", {}, "an array"],
  ["a number", [5], "objects or functions"],
  ["a state without a name", [{ state: () => 1 }], "named"],
  ["a name twice", [earlyStopping(), earlyStopping()], "earlyStopping twice"],
])("refused: %s", async (_, callbacks, text) => {
  await withModel(async (model) => {
    const error = await errorOf(() => new Trainer({ model, callbacks: callbacks as never }));
    expect(error).toEqual({ code: "ERR_ARGUMENT", message: expect.stringContaining(text) });
  });
});

test("evaluation at the start, after a delay, logs per epoch and after the first step", async () => {
  const scores = Array.from({ length: 20 }, (_, i) => i);
  const at = async (args: TrainingArgs, type: string) =>
    (await outcome({ args: { epochs: 3, ...args }, scores })).events
      .filter((e) => e.type === type)
      .map((e) => e.step);
  expect(await at({ evalOnStart: true }, "evaluate")).toEqual([0, 5, 10, 15]);
  expect(await at({ evalDelay: 2 }, "evaluate")).toEqual([10, 15]);
  expect(await at({ evalEvery: 2, evalDelay: 7 }, "evaluate")).toEqual([8, 10, 12, 14]);
  expect(await at({ logEvery: "epoch" }, "log")).toEqual([5, 10, 15]);
  expect(await at({ logEvery: 4, logFirstStep: true }, "log")).toEqual([1, 4, 8, 12]);
  expect(await at({ logEvery: "no" }, "log")).toEqual([]);
});

test("a limit counts all checkpoints, the best one too", async () => {
  await inFolder(async (folder) => {
    const kept = async (saveTotalLimit: number, scores: number[]) => {
      const outputFolder = join(folder, `${saveTotalLimit}-${scores[0]}`);
      await outcome({
        args: { maxSteps: 4, evalEvery: 1, saveEvery: 1, saveTotalLimit, outputFolder },
        scores,
      });
      return readdirSync(outputFolder)
        .filter((name) => name !== "run.json")
        .sort();
    };
    const names = (...steps: number[]) => steps.map((step) => `checkpoint-${step}`);
    expect(await kept(1, [9, 1, 1, 1])).toEqual(names(1, 4));
    expect(await kept(2, [8, 1, 1, 1])).toEqual(names(1, 4));
    expect(await kept(3, [7, 1, 1, 1])).toEqual(names(1, 3, 4));
    expect(await kept(2, [1, 2, 3, 4])).toEqual(names(3, 4));
  });
});

test("only models are saved, from which no run goes on", async () => {
  await inFolder(async (outputFolder) => {
    const args: TrainingArgs = { maxSteps: 2, evalEvery: "no", saveOnlyModel: true, outputFolder };
    await outcome({ args });
    const files = readdirSync(join(outputFolder, "checkpoint-2"));
    expect(files).toContain("model.safetensors");
    expect(files).not.toContain("optimizer.safetensors");
    const error = await errorOf(() => outcome({ args: { ...args, resume: true } }));
    expect(error.code).toBe("ERR_CHECKPOINT");
  });
});

test("a callback's failure ends the run", async () => {
  const fail: TrainerCallback = {
    onStepEnd: () => {
      throw new Error("disk full");
    },
  };
  await expect(outcome({ args: { maxSteps: 3, evalEvery: "no" }, callbacks: [fail] })).rejects.toThrow(
    "disk full",
  );
  expect(
    await withModel(async (model) =>
      eventsOf(new Trainer({ model, tokenizer, train: rows, args: { maxSteps: 1 } }).run()),
    ),
  ).toHaveLength(3);
});

test("a callback asks for a checkpoint where none is due, and a run goes on from it to the same bits", async () => {
  await inFolder(async (outputFolder) => {
    const args: TrainingArgs = { epochs: 2, outputFolder, saveEvery: "no", evalEvery: "no" };
    const asking: TrainerCallback = {
      onStepEnd: ({ step }, run) => step === 2 && run.save(),
    } as TrainerCallback;
    const whole = await outcome({ args, callbacks: [asking] });
    const saved = whole.events.filter(({ type }) => type === "save");
    expect(saved).toHaveLength(1);
    // The step after the one that was told of is under way already.
    expect(saved[0].step).toBe(3);
    const resumed = await outcome({ args: { ...args, resume: join(outputFolder, "checkpoint-3") } });
    expect(resumed.bits).toEqual(whole.bits);
  });
});
