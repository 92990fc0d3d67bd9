// A workload as files that both engines read: a folder with the fresh model, and a job with the tokens of every step.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Row } from "../../src/data/index.js";
import { generationConfigText } from "../../src/generation/config-file.js";
import type { Example } from "../../src/models/batch.js";
import type { Model } from "../../src/models/index.js";
import type { AnyTask } from "../../src/tasks/entry.js";
import { generationOf } from "../../src/tasks/generation/options.js";
import { taskEntry } from "../../src/tasks/registry.js";
import type { Tokenizer } from "../../src/tokenizers/index.js";
import { record } from "./record.js";
import type { TaskWorkload } from "./workload.js";
import { configOf, rowsOf, tokenizerOf } from "./workloads.js";

/** An example in plain arrays, as torch_peer.py reads it. */
interface PlainExample {
  ids?: number[];
  types?: number[];
  labels?: number | number[];
  start?: number;
  end?: number;
  next?: number;
  choices?: PlainExample[];
}

/** What torch_peer.py reads. */
export interface Job {
  /** The Auto class. */
  head: string;
  folder: string;
  weightDecay: number;
  maxGradNorm: number;
  examples: PlainExample[];
  /** Numbers of examples. */
  steps: number[][];
  learningRates: number[];
  evaluation: number[];
  evalBatchSize: number;
  /** Options of generate(), in Transformers' spelling, for tasks that answer with texts. */
  generation: Record<string, unknown>;
}

/** Facts of a job for its result. */
export interface JobFacts {
  file: string;
  folder: string;
  /** The one that prepared the examples. */
  task: AnyTask;
  evaluation: readonly Example[];
  parameters: number;
  rows: { train: number; evaluate: number };
  examples: { train: number; evaluate: number };
  steps: number;
  epochs: number;
  tokens: number;
}

/** Makes the model with a head for the labels of all rows, with fresh weights. */
async function freshModel(workload: TaskWorkload, tokenizer: Tokenizer, rows: Row[]): Promise<Model> {
  const entry = taskEntry(workload.task);
  const { settings } = workload;
  const labels = entry.labels?.(rows, settings);
  const config = { ...configOf(workload, tokenizer), ...entry.config?.(settings) };
  return await entry.auto.fromConfig(config, { labels, seed: 1 });
}

/** Writes model, tokenizer and job into the folder. */
export async function writeJob(workload: TaskWorkload, data: string, cache: string): Promise<JobFacts> {
  const entry = taskEntry(workload.task);
  const folder = join(cache, workload.name.replaceAll("/", "-"));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const rows = await rowsOf(workload, data);
  const tokenizer = await tokenizerOf(workload, data);
  const model = await freshModel(workload, tokenizer, [...rows.train, ...rows.evaluate]);
  await model.savePretrained(folder);
  await tokenizer.save(folder);
  const { args, settings } = workload;
  const task = entry.make(settings);
  const { steps, epochs, learningRates, evaluation } = await record(model, {
    ...rows,
    tokenizer,
    task,
    args,
  });
  const examples = new Map<Example, number>();
  const numberOf = (example: Example): number => {
    if (!examples.has(example)) examples.set(example, examples.size);
    return examples.get(example)!;
  };
  const job: Omit<Job, "examples"> = {
    ...{ head: entry.autoName, folder, learningRates },
    ...{ weightDecay: args.weightDecay ?? 0, maxGradNorm: args.maxGradNorm ?? 1 },
    ...{ steps: steps.map((batch) => batch.map(numberOf)), evaluation: evaluation.map(numberOf) },
    evalBatchSize: args.evalBatchSize ?? 32,
    generation: JSON.parse(generationConfigText(generationOf(settings).generation ?? {})),
  };
  const file = join(folder, "job.json");
  await writeFile(file, JSON.stringify({ ...job, examples: [...examples.keys()].map(plain) } satisfies Job));
  const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  model.dispose();
  const perEpoch = Math.round(steps.flat().length / epochs);
  return {
    ...{ file, folder, task, evaluation, parameters, steps: steps.length, epochs },
    rows: { train: rows.train.length, evaluate: rows.evaluate.length },
    examples: { train: perEpoch, evaluate: evaluation.length },
    tokens: steps.flat().reduce((sum, example) => sum + tokensOf(example), 0),
  };
}

const array = (values: ArrayLike<number> | undefined) => values && Array.from(values);

function plain(example: Example): PlainExample {
  const { labels, startPosition, endPosition, nextSentenceLabel, choices } = example;
  return {
    ids: array(example.inputIds ?? example.ids),
    types: array(example.tokenTypeIds ?? example.typeIds),
    labels: typeof labels === "number" ? labels : array(labels),
    ...{ start: startPosition, end: endPosition, next: nextSentenceLabel, choices: choices?.map(plain) },
  };
}

function tokensOf({ inputIds, ids, choices }: Example): number {
  return choices
    ? choices.reduce((sum, choice) => sum + tokensOf(choice), 0)
    : (inputIds ?? ids ?? []).length;
}
