// Compares this library with its peers in one run, engines taking turns. See benchmarks/README.md.
//   npm run bench:compare -- [--python PATH] [--data FOLDER] [--only GROUP/NAME]... [--runs 20] [--quick]
//     [--threads N] [--out FILE] [--cache FOLDER] [--list]
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type ResultLine, report } from "../report.js";
import { describeRun, type RunLine, selects } from "../support/run-line.js";
import { describeCommit } from "../support/runner.js";
import { Fleet } from "./fleet.js";
import { avx2, gemmWorkloads } from "./gemm.js";
import { inferenceWorkloads } from "./inference.js";
import { Machine } from "./machine.js";
import { measure } from "./measure.js";
import { opWorkloads } from "./ops.js";
import { Cache } from "./prepare.js";
import type { WorkloadResult } from "./result.js";
import { trainingWorkloads } from "./training.js";
import type { Workload } from "./workload.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string" },
    data: { type: "string" },
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "20" },
    quick: { type: "boolean", default: false },
    threads: { type: "string" },
    out: { type: "string" },
    cache: { type: "string" },
    list: { type: "boolean", default: false },
  },
});
const samples = args.quick ? 3 : Number(args.runs);
const threads = Number(args.threads ?? os.availableParallelism());
const cacheFolder = args.cache ?? join(os.tmpdir(), `athanor-bench-${os.userInfo().username}`);

type Group = () => Workload[] | Promise<Workload[]>;

const cache = new Cache(cacheFolder, args.python);
const inference = () => inferenceWorkloads(cache, args.data);
const groups: Record<string, Group> = {
  gemm: gemmWorkloads,
  ops: opWorkloads,
  inference,
  training: () => trainingWorkloads(cache, args.data, samples),
  avx2: async () => {
    const full = (await inference()).filter(({ name }) => /\/\d+x(16|128)$/.test(name));
    return [...gemmWorkloads(), ...full].map(avx2);
  },
};

async function selected(): Promise<Workload[]> {
  const workloads: Workload[] = [];
  for (const [name, make] of Object.entries(groups)) {
    const asked = args.only?.some((prefix) => prefix.split("/")[0] === name) ?? true;
    if (asked) workloads.push(...(await make()).filter((workload) => selects(args.only, workload.name)));
  }
  return workloads;
}

function readLines(file: string): ResultLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ResultLine);
}

/** Names of workloads that a file has with at least as many samples, from the same commit. */
function done(lines: ResultLine[], commit: string): Set<string> {
  const names = new Set<string>();
  let run: RunLine | undefined;
  for (const line of lines) {
    if (line.kind === "run") run = line;
    else if (line.kind === "workload" && run && run.samples >= samples && run.commit === commit)
      names.add(line.name);
  }
  return names;
}

async function main(): Promise<void> {
  const workloads = await selected();
  if (args.list) {
    for (const { name } of workloads) console.log(name);
    return;
  }
  const commit = describeCommit();
  const today = new Date().toISOString().slice(0, 10);
  const file = args.out ?? `benchmarks/results/${today}-compare.jsonl`;
  const finished = done(readLines(file), commit);
  const open = workloads.filter(({ name }) => !finished.has(name));
  if (open.length < workloads.length) {
    console.error(`${workloads.length - open.length} workloads are in ${file} already`);
  }
  if (open.length === 0) return;

  const machine = new Machine(cacheFolder, threads);
  const peaks = await machine.peaks();
  const run = describeRun({ threads, samples, peaks });
  mkdirSync(dirname(file), { recursive: true });
  const append = (line: ResultLine) => appendFileSync(file, `${JSON.stringify(line)}\n`);
  append(run);
  const fleet = new Fleet({ threads, python: args.python });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      // Children that are stopped would outlive us.
      void Promise.all([fleet.closeAll(), machine.close()]).then(() => process.exit(1));
    });
  }
  const results: WorkloadResult[] = [];
  try {
    for (const workload of open) {
      const result = await measure(workload, { samples, peaks, machine, fleet });
      results.push(result);
      append(result);
      console.error(`${result.name}: ${result.seconds} s`);
    }
  } finally {
    await fleet.closeAll();
    await machine.close();
  }
  console.log(report([run, ...results]));
}

await main();
