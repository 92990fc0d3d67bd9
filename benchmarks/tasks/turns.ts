// One comparison: both engines train by turns in processes of their own; the one that waits is stopped.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { OutputValues, TrainableModel } from "../../src/training/index.js";
import { Child } from "../compare/child.js";
import { type JobFacts, writeJob } from "./job.js";
import type { EvaluateAnswer, Failure, LoadAnswer, Request, TrainAnswer } from "./protocol.js";
import { CURVE, type EngineFacts, type TaskResult } from "./result.js";
import type { Cut, TaskWorkload } from "./workload.js";
import { modelOf, rowsOf, taskWorkload } from "./workloads.js";

export interface CompareOptions {
  data: string;
  cache: string;
  python?: string;
  threads: number;
  cut: Cut;
  say: (text: string) => void;
}

// Enough for a median; a turn must be long beside the moment in which a process wakes.
const TURNS = 24;

class Engine {
  readonly losses: number[] = [];
  readonly turns: number[] = [];
  engine = "";

  constructor(
    readonly child: Child,
    readonly label: string,
  ) {}

  async ask<T>(request: Request): Promise<T> {
    const answer = await this.child.ask<T | Failure>(request);
    if (typeof answer === "object" && answer !== null && "error" in answer) {
      throw new Error(`${this.label}: ${answer.error.code}: ${answer.error.message}`);
    }
    return answer as T;
  }

  async turn(steps: number): Promise<void> {
    this.child.wake();
    const { losses, seconds } = await this.ask<TrainAnswer>({ command: "train", steps });
    this.losses.push(...losses);
    this.turns.push(seconds);
    this.child.sleep();
  }

  facts(evaluated: EvaluateAnswer, metrics: Record<string, number>, epochs: number): EngineFacts {
    const peak = this.child.peakMemory();
    return {
      engine: this.engine,
      losses: this.losses.slice(0, CURVE.steps),
      ...{ evalLoss: evaluated.loss, metrics },
      secondsPerEpoch: this.turns.reduce((sum, seconds) => sum + seconds, 0) / epochs,
      turns: this.turns,
      peakMb: peak === null ? null : Math.round(peak / 2 ** 20),
    };
  }
}

/** Trains a workload with both engines. */
export async function compare({ name }: TaskWorkload, options: CompareOptions): Promise<TaskResult> {
  const { data, cache, cut, say } = options;
  const workload = taskWorkload(name, cut);
  say(`${workload.name}: making the job`);
  const job = await writeJob(workload, data, cache);
  const engines = startEngines(options);
  try {
    for (const engine of engines) {
      const { threads } = options;
      const request = { command: "load", job: job.file, workload: name, cut, data, threads } as const;
      engine.engine = (await engine.ask<LoadAnswer>(request)).engine;
      engine.child.sleep();
    }
    const turnSteps = Math.max(1, Math.floor(job.steps / TURNS));
    for (let done = 0, turn = 0; done < job.steps; done += turnSteps, turn++) {
      const order = turn % 2 ? engines.toReversed() : engines;
      for (const engine of order) await engine.turn(Math.min(turnSteps, job.steps - done));
      say(`${workload.name}: step ${Math.min(done + turnSteps, job.steps)} of ${job.steps}`);
    }
    const facts: EngineFacts[] = [];
    for (const engine of engines) {
      facts.push(await evaluated(engine, workload, job, options));
    }
    return { ...resultOf(workload, job, turnSteps, facts), ...(Object.keys(cut).length > 0 && { cut }) };
  } finally {
    await Promise.all(engines.map(({ child }) => child.close()));
  }
}

function startEngines({ threads, python }: CompareOptions): Engine[] {
  const count = String(threads);
  const env = { ATHANOR_THREADS: count, OMP_NUM_THREADS: count, MKL_NUM_THREADS: count };
  const start = (label: string, command: string[]) => new Engine(new Child(label, command, env), label);
  const engines = [start("ours", [process.execPath, "dist/benchmarks/tasks/ours.js"])];
  if (python !== undefined) engines.push(start("torch", [python, "benchmarks/tasks/torch_peer.py"]));
  return engines;
}

async function evaluated(
  engine: Engine,
  workload: TaskWorkload,
  job: JobFacts,
  { data }: CompareOptions,
): Promise<EngineFacts> {
  const file = join(job.folder, `outputs-${engine.label}.bin`);
  engine.child.wake();
  const answer = await engine.ask<EvaluateAnswer>({ command: "evaluate", file });
  const metrics = answer.metrics ?? (await metricsOf(answer, file, workload, job, data));
  return engine.facts(answer, metrics, job.epochs);
}

/** The task's own metrics from what another engine gave. */
async function metricsOf(
  { batches = [], sequences = [], loss }: EvaluateAnswer,
  file: string,
  workload: TaskWorkload,
  { task, evaluation, folder }: JobFacts,
  data: string,
): Promise<Record<string, number>> {
  const { evaluate: rows } = await rowsOf(workload, data);
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  const generate = async () => ({ sequences: sequences.map((ids) => Int32Array.from(ids)) });
  const model = { config, generate } as unknown as TrainableModel;
  const size = workload.args.evalBatchSize ?? 32;
  const bytes = await readFile(file);
  await rm(file);
  const predictions = task.respond
    ? await task.respond(evaluation, model, { seed: 0 })
    : fromOutputs(bytes, batches, (outputs, batch) => {
        return task.predict(outputs, evaluation.slice(batch * size, (batch + 1) * size), model);
      });
  const results = task.join?.(predictions, evaluation, rows, model) ?? predictions;
  return task.metrics(results, evaluation, model, rows, loss);
}

/** What `use` makes of the outputs of each batch. */
function fromOutputs<T>(
  bytes: Buffer,
  batches: NonNullable<EvaluateAnswer["batches"]>,
  use: (outputs: Record<string, OutputValues>, batch: number) => T[],
): T[] {
  let at = 0;
  return batches.flatMap((outputs, batch) => {
    const found: Record<string, OutputValues> = {};
    for (const { name, shape } of outputs) {
      const count = shape.reduce((product, n) => product * n, 1);
      const data = new Float32Array(count);
      Buffer.from(data.buffer).set(bytes.subarray(at, at + 4 * count));
      found[name] = { shape, data };
      at += 4 * count;
    }
    return use(found, batch);
  });
}

function resultOf(
  workload: TaskWorkload,
  job: JobFacts,
  turnSteps: number,
  [ours, torch]: EngineFacts[],
): TaskResult {
  const { name, metric, atLeast, lossWithin } = workload;
  const { parameters, rows, examples, steps, epochs, tokens } = job;
  const apart = torch?.losses.map((loss, i) => Math.abs(loss - ours.losses[i]));
  return {
    ...{ kind: "task", name, model: modelOf(workload).title, parameters, rows, examples, steps, tokens },
    ...{ epochs, metric, atLeast, lossWithin, turnSteps, ours, torch },
    difference: apart && Math.max(...apart),
  };
}
