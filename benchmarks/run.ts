// Runs our own benchmarks and says what share of the machine they reach. See benchmarks/README.md.
//   npm run bench -- [--only GROUP/NAME]... [--runs 20] [--quick] [--out FILE] [--list] [--python PATH] [--peers FOLDER]
// Tokenizers, metrics and data bring their peers: the Python with the originals, and the folder where
// benchmarks/peers/package.json is installed.
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Machine, type Peaks } from "./compare/machine.js";
import { type BenchLine, type PeerLine, report } from "./report.js";
import { describeRun, selects } from "./support/run-line.js";

const { values: args } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "20" },
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    list: { type: "boolean", default: false },
    python: { type: "string" },
    peers: { type: "string" },
  },
});
const runs = args.quick ? 3 : Number(args.runs);
const threads = Number(process.env.ATHANOR_THREADS ?? os.availableParallelism());
const engineGroups = ["ops", "models", "training"];
const peerGroups = ["tokenizers", "metrics", "data"];
const groups = [...engineGroups, ...peerGroups];
const suffix = ".bench.js";
const here = fileURLToPath(new URL(".", import.meta.url));

/** GROUP/NAME of every program. */
function programs(): string[] {
  const all = groups.flatMap((group) =>
    readdirSync(join(here, group))
      .filter((file) => file.endsWith(suffix))
      .sort()
      .map((file) => `${group}/${file.slice(0, -suffix.length)}`),
  );
  return all.filter((name) => selects(args.only, name));
}

/** The options of a program that measures its peers itself. */
function peerOptions(program: string): string[] {
  const options = [program.startsWith("tokenizers/") ? "--runs" : "--rounds", String(runs)];
  if (args.python) options.push("--python", args.python);
  if (args.peers && program === "tokenizers/encode") options.push("--peers", args.peers);
  return options;
}

/** The JSON lines of a program, with the share of the peak that bounds them. */
async function linesOf(program: string, peaks: Peaks): Promise<(BenchLine | PeerLine)[]> {
  const withPeers = peerGroups.some((group) => program.startsWith(`${group}/`));
  const options = withPeers ? peerOptions(program) : [];
  const child = spawn(process.execPath, [join(here, `${program}${suffix}`), ...options], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ATHANOR_BENCH_RUNS: String(runs) },
  });
  const lines: (BenchLine | PeerLine)[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    if (withPeers) {
      lines.push({ kind: "peers", program, ...JSON.parse(text) });
      continue;
    }
    const line = JSON.parse(text) as Omit<BenchLine, "kind" | "program" | "share">;
    const shares = [(line.gflop_s ?? 0) / peaks.fma, (line.gb_s ?? 0) / peaks.read];
    const share = Number(Math.max(...shares).toPrecision(3)) || undefined;
    lines.push({ kind: "bench", program, ...line, share });
  }
  if (child.exitCode !== 0 && child.exitCode !== null) throw new Error(`${program} failed`);
  return lines;
}

async function main(): Promise<void> {
  const names = programs();
  if (args.list) {
    for (const name of names) console.log(name);
    return;
  }
  const machine = new Machine(join(os.tmpdir(), `athanor-bench-${os.userInfo().username}`), threads);
  const run = describeRun({ threads, samples: runs, peaks: await machine.peaks() });
  await machine.close();
  const file = args.out ?? `benchmarks/results/${run.date.slice(0, 10)}-bench.jsonl`;
  mkdirSync(dirname(file), { recursive: true });
  const append = (line: object) => appendFileSync(file, `${JSON.stringify(line)}\n`);
  append(run);
  const results: (BenchLine | PeerLine)[] = [];
  for (const name of names) {
    for (const line of await linesOf(name, run.peaks)) {
      append(line);
      results.push(line);
    }
    console.error(name);
  }
  console.log(report([run, ...results]));
}

await main();
