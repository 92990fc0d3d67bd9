// The files that a run leaves: logs in three formats, run.json; and the bar on a terminal.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import crc32c from "crc-32/crc32c.js";
import { parse } from "csv-parse/sync";
import { PbfReader } from "pbf";
import {
  csvLog,
  jsonlLog,
  progressBar,
  type TrainEvent,
  Trainer,
  type TrainerCallback,
  type TrainingArgs,
  tensorBoard,
} from "../../src/training/index.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { tinyRows, tinyTokenizer, withModel } from "./support.js";

const tokenizer = tinyTokenizer();
const rows = tinyRows(40);

/** Trains a fresh model and gives its events; ends early where `until` says so. */
async function run(
  args: TrainingArgs,
  callbacks: readonly TrainerCallback[],
  until: (event: TrainEvent) => boolean = () => false,
): Promise<TrainEvent[]> {
  return withModel(async (model) => {
    const trainer = new Trainer({
      ...{ model, tokenizer, train: rows, eval: rows.slice(0, 6), callbacks },
      args: { batchSize: 8, learningRate: 1e-3, epochs: 2, logEvery: 2, ...args },
      computeMetrics: () => ({ accuracy: 0.5, 'odd, "name"': 2 }),
    });
    const events: TrainEvent[] = [];
    for await (const event of trainer.run()) {
      events.push(event);
      if (until(event)) break;
    }
    return events;
  });
}

const logged = (events: readonly TrainEvent[]) =>
  events.filter(({ type }) => type === "log" || type === "evaluate");

test("JSON Lines: the events themselves", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "deep", "log.jsonl");
    const events = await run({}, [jsonlLog(file)]);
    const lines = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const wanted = events.filter(({ type }) => ["log", "evaluate", "save", "end"].includes(type));
    expect(lines).toEqual(JSON.parse(JSON.stringify(wanted)));
  });
});

test("CSV: one number a line", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "log.csv");
    const events = await run({}, [csvLog(file, { steps: true })]);
    const lines: { step: string; epoch: string; name: string; value: string }[] = parse(readFileSync(file), {
      columns: true,
    });
    const losses = lines
      .filter(({ name }) => name === "loss")
      .map(({ step, value }) => [Number(step), Number(value)]);
    const steps = events.filter(({ type }) => type === "step");
    expect(losses).toEqual(steps.map(({ step, loss }) => [step, loss]));
    const odd = lines.filter(({ name }) => name === 'eval_odd, "name"');
    expect(odd).toEqual(
      [5, 10].map((step) => ({ step: `${step}`, epoch: `${step / 5}`, name: odd[0].name, value: "2" })),
    );
  });
});

/** Reads an event file as tensorboard/compat/proto has it, checksums and all. */
function readEvents(
  file: string,
): { step: number; version?: string; start?: boolean; scalars: [string, number][] }[] {
  const bytes = readFileSync(file);
  const masked = (part: Buffer) => {
    const crc = crc32c.buf(part) >>> 0;
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const events = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const message = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(message));
    at += 16 + length;
    const event = { step: 0, scalars: [] as [string, number][] } as ReturnType<typeof readEvents>[number];
    new PbfReader(message).readFields((tag, into, reader) => {
      if (tag === 1) expect(Math.abs(reader.readDouble() - Date.now() / 1000)).toBeLessThan(60);
      if (tag === 2) into.step = reader.readVarint();
      if (tag === 3) into.version = reader.readString();
      if (tag === 7) into.start = true;
      if (tag !== 5) return;
      const summary = new PbfReader(reader.readBytes());
      while (summary.nextField() === 1) {
        const value = new PbfReader(summary.readBytes());
        expect(value.nextField()).toBe(1);
        const name = value.readString();
        expect(value.nextField()).toBe(2);
        into.scalars.push([name, value.readFloat()]);
      }
    }, event);
    events.push(event);
  }
  return events;
}

test("TensorBoard: scalars under Transformers' names", async () => {
  await inFolder(async (folder) => {
    const events = await run({}, [tensorBoard(folder)]);
    const [file, ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(file).toMatch(/^events\.out\.tfevents\.\d{10}\./);
    const [first, ...messages] = readEvents(join(folder, file));
    expect(first).toEqual({ step: 0, version: "brain.Event:2", scalars: [] });
    const expected = logged(events).map(({ type, step, loss, metrics, learningRate }) =>
      type === "log" ? [step, { loss, learningRate }] : [step, metrics],
    );
    const found = messages.map(({ step, scalars }) => {
      const values = Object.fromEntries(scalars);
      return "train/loss" in values
        ? [step, { loss: values["train/loss"], learningRate: values["train/learning_rate"] }]
        : [step, Object.fromEntries(scalars.map(([name, value]) => [name.replace("eval/", ""), value]))];
    });
    const rounded = (value: unknown) => (typeof value === "number" ? Math.fround(value) : value);
    const all = (list: unknown) => JSON.parse(JSON.stringify(list, (_, value) => rounded(value)));
    expect(all(found)).toEqual(all(expected));
  });
});

test("a resumed run goes on in its logs, no step twice", async () => {
  await inFolder(async (folder) => {
    const [jsonl, csv] = [join(folder, "log.jsonl"), join(folder, "log.csv")];
    const logs = () => [jsonlLog(jsonl), csvLog(csv), tensorBoard(join(folder, "runs"))];
    const args: TrainingArgs = { outputFolder: join(folder, "out"), saveEvery: 4 };
    // Cut off after step 6: the last checkpoint is that of step 4, the last log that of step 6.
    const before = await run(args, logs(), ({ type, step }) => type === "log" && step === 6);
    // After a loss of power a line may have its length and not its contents.
    writeFileSync(jsonl, '\0\0\0\n{"type":"log","st', { flag: "a" });
    const after = await run({ ...args, resume: true }, logs());
    const steps = [...logged(before).filter(({ step }) => step <= 4), ...logged(after)].map(
      ({ step }) => step,
    );
    const lines = readFileSync(jsonl, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(logged(lines).map(({ step }) => step)).toEqual(steps);
    const losses = (parse(readFileSync(csv), { columns: true }) as { step: string; name: string }[]).filter(
      ({ name }) => name === "loss",
    );
    expect(losses.map(({ step }) => Number(step))).toEqual([2, 4, 6, 8, 10]);
    const files = readdirSync(join(folder, "runs")).sort();
    expect(files).toHaveLength(2);
    const starts = files
      .flatMap((file) => readEvents(join(folder, "runs", file)))
      .filter(({ start }) => start);
    expect(starts).toEqual([{ step: 5, start: true, scalars: [] }]);
    // A run from the beginning begins the files anew.
    await run({ maxSteps: 2 }, logs());
    expect(readFileSync(jsonl, "utf8").split("\n")).toHaveLength(4); // log, evaluate, end
  });
});

test.each([
  ["jsonl", jsonlLog],
  ["csv", csvLog],
  ["tensorboard", tensorBoard],
])("%s: a place that cannot be written", async (_, make) => {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, "file"), "");
    const error = await errorOf(() => run({ maxSteps: 1 }, [make(join(folder, "file", "log"))]));
    expect(error).toEqual({ code: "ERR_CHECKPOINT", message: expect.stringContaining("can be written") });
  });
});

describe("run.json", () => {
  const read = (folder: string) => JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));

  test("says what the run was made of and what came out", async () => {
    await inFolder(async (outputFolder) => {
      const args: TrainingArgs = {
        outputFolder,
        seed: 7,
        parameterGroups: [{ pattern: /classifier/, learningRate: 5 }],
      };
      const during: object[] = [];
      const look: TrainerCallback = { onLog: () => void during.push(read(outputFolder)) };
      const events = await run(args, [look]);
      const manifest = read(outputFolder);
      expect(during[0]).toMatchObject({ status: "running", steps: 0, totalSteps: 10 });
      expect(during[0]).not.toHaveProperty("endedAt");
      expect(manifest).toMatchObject({
        ...{ status: "finished", steps: 10, totalSteps: 10, epoch: 2, task: "text-classification" },
        ...{ loss: events.at(-1)!.loss, tokens: events.at(-1)!.tokens, metrics: events.at(-1)!.metrics },
        ...{ checkpoint: join(outputFolder, "checkpoint-10"), best: { metric: "loss" } },
        model: { architecture: "BertForSequenceClassification", config: { hidden_size: 32 } },
        args: {
          seed: 7,
          learningRate: 1e-3,
          parameterGroups: [{ pattern: "/classifier/", learningRate: 5 }],
        },
        data: { train: { rows: 40 }, eval: { rows: 6 } },
        versions: { athanor: expect.stringMatching(/^\d+\.\d+\.\d+/), node: process.version },
        machine: { device: "cpu", threads: expect.any(Number), instructionSet: expect.any(String) },
      });
      expect(manifest.data.train.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(manifest.data.eval.sha256).not.toBe(manifest.data.train.sha256);
      expect(Date.parse(manifest.endedAt)).toBeGreaterThanOrEqual(Date.parse(manifest.startedAt));
      expect(manifest.model.parameters).toBeGreaterThan(1000);
    });
  });

  test("of a run that was left, and taken up again", async () => {
    await inFolder(async (outputFolder) => {
      const args: TrainingArgs = { outputFolder, saveEvery: 2 };
      await run(args, [], ({ type, step }) => type === "save" && step === 4);
      expect(read(outputFolder)).toMatchObject({ status: "left", steps: 4 });
      await run({ ...args, resume: true }, []);
      expect(read(outputFolder)).toMatchObject({ status: "finished", resumedAtStep: 4, steps: 10 });
    });
  });

  test("of a run that failed", async () => {
    await inFolder(async (outputFolder) => {
      const fail: TrainerCallback = {
        onStepEnd: () => {
          throw new Error("no more");
        },
      };
      await expect(run({ outputFolder }, [fail])).rejects.toThrow("no more");
      expect(read(outputFolder)).toMatchObject({ status: "failed", error: { message: "no more" } });
    });
  });
});

describe("progress bar", () => {
  const drawn = async (isTTY: boolean, options = {}) => {
    const stream = Object.assign(new PassThrough(), { isTTY, cursorTo() {}, columns: 200 });
    let text = "";
    stream.on("data", (part) => {
      text += part;
    });
    // The methods of a terminal that the bar draws with.
    Object.assign(stream, { clearLine() {}, moveCursor() {} });
    await run({}, [progressBar({ stream, ...options })]);
    return text;
  };

  test("is drawn on a terminal", async () => {
    expect(await drawn(true)).toMatch(/training .*100% \| step 10\/10 \| epoch 2\.00 \| loss \d\.\d{3}/);
  });

  test("is not drawn elsewhere, unless asked for", async () => {
    expect(await drawn(false)).toBe("");
    expect(await drawn(false, { always: true })).toMatch(/step 10\/10/);
  });
});
