// Trains every task beside PyTorch and Transformers from the same weights on the same batches. See
// benchmarks/README.md.
//   node dist/benchmarks/tasks/main.js --data FOLDER [--python PY] [--only TASK/DATA]... [--threads N] [--epochs N]
//     [--limit ROWS] [--out FILE] [--cache FOLDER] [--list]
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Machine } from "../compare/machine.js";
import { type ResultLine, report } from "../report.js";
import { describeRun, type RunLine, selects } from "../support/run-line.js";
import { describeCommit } from "../support/runner.js";
import type { TaskResult } from "./result.js";
import { compare } from "./turns.js";
import type { Cut } from "./workload.js";
import { taskWorkloads } from "./workloads.js";

const { values: args } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string" },
    only: { type: "string", multiple: true },
    threads: { type: "string" },
    epochs: { type: "string" },
    limit: { type: "string" },
    out: { type: "string" },
    cache: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

/** Names of results that a file has from this commit. */
function finished(file: string, commit: string): Set<string> {
  const names = new Set<string>();
  if (!existsSync(file)) return names;
  let run: RunLine | undefined;
  for (const text of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const line = JSON.parse(text) as ResultLine;
    if (line.kind === "run") run = line;
    else if (line.kind === "task" && run?.commit === commit && !line.cut) names.add(line.name);
  }
  return names;
}

async function main(): Promise<void> {
  const chosen = taskWorkloads.filter(({ name }) => selects(args.only, name));
  if (args.list) {
    for (const { name } of chosen) console.log(name);
    return;
  }
  if (args.data === undefined)
    throw new Error("needs --data FOLDER (benchmarks/README.md says with what), got none");
  const cut: Cut = {
    ...(args.limit !== undefined && { rows: Number(args.limit) }),
    ...(args.epochs !== undefined && { epochs: Number(args.epochs) }),
  };
  const isCut = Object.keys(cut).length > 0;
  const today = new Date().toISOString().slice(0, 10);
  // What was cut short shows that all works; it is no measurement.
  const file = args.out ?? (isCut ? undefined : `benchmarks/results/${today}-tasks.jsonl`);
  const done = file === undefined || isCut ? new Set<string>() : finished(file, describeCommit());
  const open = chosen.filter(({ name }) => !done.has(name));
  if (done.size > 0)
    console.error(`${chosen.length - open.length} of ${chosen.length} are in ${file} already`);
  if (open.length === 0) return;

  const cache = args.cache ?? join(os.tmpdir(), `athanor-bench-${os.userInfo().username}`, "tasks");
  const threads = Number(args.threads ?? os.availableParallelism());
  const machine = new Machine(cache, threads);
  const run = describeRun({ threads, samples: 0, peaks: await machine.peaks() });
  await machine.close();
  const append = (line: ResultLine) => {
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
  append(run);
  const results: TaskResult[] = [];
  const say = (text: string) => console.error(text);
  for (const workload of open) {
    const { data, python } = args;
    const result = await compare(workload, { data, cache, python, threads, cut, say });
    results.push(result);
    append(result);
  }
  console.log(report([run, ...results]));
}

await main();
