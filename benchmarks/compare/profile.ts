// Where the time of a workload of models goes: the commands of one run of ours by op, and what the engine's thread does
// between them. An indication (no peers, no turns), to read results of main.ts by.
//   node dist/benchmarks/compare/profile.js --only training/xquad [--data FOLDER] [--cache FOLDER] [--runs 5] [--dtype f32]
import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { getEngine } from "../../src/native/load.js";
import { loadModelTask } from "../engines/athanor-models.js";
import type { InferenceTask, TrainingTask } from "../engines/tasks.js";
import { selects } from "../support/run-line.js";
import { inferenceWorkloads } from "./inference.js";
import { Cache } from "./prepare.js";
import { trainingWorkloads } from "./training.js";
import type { Workload } from "./workload.js";

const { values: args } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    data: { type: "string" },
    cache: { type: "string" },
    runs: { type: "string", default: "5" },
    dtype: { type: "string", default: "f32" },
  },
});
const runs = Number(args.runs);

interface Profile {
  wall: number;
  /** Milliseconds and number of commands by op. */
  ops: Map<string, { ms: number; commands: number }>;
}

function taskOf({ runners }: Workload): InferenceTask | TrainingTask {
  const ours = runners.find(
    ({ engine, task }) => engine === "athanor" && (!("dtype" in task) || task.dtype === args.dtype),
  );
  return ours!.task as InferenceTask | TrainingTask;
}

/** Sums over `runs` runs after one that warms up; divided by their number. */
async function profile(workload: Workload): Promise<Profile> {
  const { native } = getEngine();
  const loaded = await loadModelTask(taskOf(workload));
  await loaded.run(1, 0);
  native.trace(true);
  const began = performance.now();
  for (let i = 0; i < runs; i++) await loaded.run(1, i);
  const wall = (performance.now() - began) / runs;
  const ops: Profile["ops"] = new Map();
  for (const [op, , , milliseconds] of native.trace(false)) {
    const sum = ops.get(op) ?? { ms: 0, commands: 0 };
    ops.set(op, { ms: sum.ms + milliseconds / runs, commands: sum.commands + 1 / runs });
  }
  loaded.dispose();
  return { wall, ops };
}

function table({ name, flops, note }: Workload, { wall, ops }: Profile): string {
  const busy = [...ops.values()].reduce((sum, { ms }) => sum + ms, 0);
  const share = (ms: number) => `${((100 * ms) / wall).toFixed(1)} %`;
  const row = (op: string, commands: number, ms: number) =>
    `| ${op} | ${commands ? commands.toFixed(0) : ""} | ${ms.toFixed(2)} | ${share(ms)} |`;
  const speed = flops ? `, ${(flops / wall / 1e6).toFixed(0)} GFLOP/s` : "";
  return [
    `**${name}**: ${wall.toFixed(1)} ms${speed}${note ? `; ${note}` : ""}`,
    "",
    "| op | commands | ms | share |",
    "| --- | --- | --- | --- |",
    ...[...ops].sort(([, a], [, b]) => b.ms - a.ms).map(([op, { ms, commands }]) => row(op, commands, ms)),
    row("between commands", 0, wall - busy),
    "",
  ].join("\n");
}

const cache = new Cache(
  args.cache ?? join(os.tmpdir(), `athanor-bench-${os.userInfo().username}`),
  undefined,
);
const groups = [() => inferenceWorkloads(cache, args.data), () => trainingWorkloads(cache, args.data, runs)];
for (const group of groups)
  for (const workload of await group())
    if (selects(args.only, workload.name)) console.log(table(workload, await profile(workload)));
