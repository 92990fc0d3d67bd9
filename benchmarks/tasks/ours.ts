// This library as an engine of the comparison: the Trainer on the workload's rows, from the same fresh weights.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { taskEntry } from "../../src/tasks/registry.js";
import { AutoTokenizer } from "../../src/tokenizers/index.js";
import { type TrainEvent, Trainer } from "../../src/training/index.js";
import type { Job } from "./job.js";
import type { EvaluateAnswer, LoadAnswer, Request, TrainAnswer } from "./protocol.js";
import { rowsOf, taskWorkload } from "./workloads.js";

let trainer: Trainer;
let events: AsyncIterator<TrainEvent>;

async function load({ job, workload: name, cut, data }: Request & { command: "load" }): Promise<LoadAnswer> {
  const workload = taskWorkload(name, cut);
  const entry = taskEntry(workload.task);
  const { folder } = JSON.parse(await readFile(job, "utf8")) as Job;
  const model = await entry.auto.fromPretrained(folder, { seed: 1 });
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { train, evaluate } = await rowsOf(workload, data);
  const task = entry.make(workload.settings);
  trainer = new Trainer({ model, tokenizer, task, train, eval: evaluate, args: workload.args });
  events = trainer.run()[Symbol.asyncIterator]();
  return { engine: `athanor, Node ${process.version}` };
}

/** The run goes on where it stood: between requests the iterator is not asked. */
async function train(steps: number): Promise<TrainAnswer> {
  const losses: number[] = [];
  const start = performance.now();
  while (losses.length < steps) {
    const { value, done } = await events.next();
    if (done) break;
    if (value.type === "step") losses.push(value.loss);
  }
  return { losses, seconds: (performance.now() - start) / 1000 };
}

async function evaluate(): Promise<EvaluateAnswer> {
  for (let next = await events.next(); !next.done; next = await events.next()); // the run's last events
  const { loss, ...metrics } = await trainer.evaluate();
  return { loss, metrics };
}

async function answer(request: Request): Promise<LoadAnswer | TrainAnswer | EvaluateAnswer> {
  if (request.command === "load") return await load(request);
  return request.command === "train" ? await train(request.steps) : await evaluate();
}

for await (const line of createInterface({ input: process.stdin })) {
  let result: object;
  try {
    result = await answer(JSON.parse(line));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    result = { error: { code: code ?? "unexpected", message } };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
