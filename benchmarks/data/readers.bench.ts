// Reading a file into rows, and mapping rows: rows per second, ours and Python's ways in turns. Prints one JSON line
// per workload. Rows: BANKING77's 10,003 questions, for reading six times over.
//
//   node dist/benchmarks/data/readers.bench.js [--rounds 20] [--python PYTHON] [--only WORKLOAD]...
//
// --python: an interpreter with `pyarrow` (writes the Parquet file, too), `pandas` and, where it has it, `datasets`.
// The score is the characters of all texts read, which must be the same on both sides.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Dataset, readCsv, readJsonl, readParquet } from "../../src/data/index.js";
import { describeMachine, summarise } from "../support/runner.js";

interface TextRow {
  text: string;
  category: string;
}
interface Run {
  seconds: number;
  score: number;
}

const root = new URL("../../../", import.meta.url);
const WARM_UP = 3;
const COPIES = 6;
const { values: args } = parseArgs({
  options: {
    python: { type: "string" },
    rounds: { type: "string", default: "20" },
    only: { type: "string", multiple: true },
  },
});

const characters = (rows: readonly TextRow[]): number => rows.reduce((sum, { text }) => sum + text.length, 0);
const words = (row: TextRow) => ({ ...row, words: row.text.toLowerCase().split(" ") });

async function timed(work: () => Promise<readonly TextRow[]>): Promise<Run> {
  const start = performance.now();
  const rows = await work();
  return { seconds: (performance.now() - start) / 1e3, score: characters(rows) };
}

/** A child process that answers a JSON line per request; the first names the originals by workload. */
async function startPeer(python: string, folder: string) {
  const script = fileURLToPath(new URL("benchmarks/data/readers_peer.py", root));
  const child = spawn(python, [script, folder], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  const names = (await next()) as Record<string, string[]>;
  const run = async (workload: string, name: string): Promise<Run> => {
    child.stdin.write(`${JSON.stringify([workload, name])}\n`);
    return await next();
  };
  return { names, run, end: () => child.stdin.end() };
}

async function main(folder: string): Promise<void> {
  const once = await readCsv<TextRow & Record<string, string>>(
    new URL("examples/banking77/train.csv.gz", root),
  );
  const rows = Array.from({ length: COPIES }, () => once).flat();
  const field = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const file = (name: string) => join(folder, name);
  const csv = rows.map(({ text, category }) => `${field(text)},${category}\n`);
  writeFileSync(file("rows.csv"), `text,category\n${csv.join("")}`);
  writeFileSync(file("rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const peer = args.python === undefined ? undefined : await startPeer(args.python, folder);
  const data = new Dataset<TextRow>(once);
  const workloads: [string, () => Promise<readonly TextRow[]>][] = [
    ["csv", () => readCsv(file("rows.csv"))],
    ["jsonl", () => readJsonl(file("rows.jsonl"))],
    ["map", async () => (await data.map(words)).rows],
  ];
  // The peer writes the file: the package only reads Parquet.
  if (peer) workloads.push(["parquet", () => readParquet(file("rows.parquet"))]);
  for (const [name, work] of workloads) {
    if (args.only !== undefined && !args.only.includes(name)) continue;
    const originals = peer?.names[name] ?? [];
    const ours: Run[] = [];
    const theirs = originals.map((): Run[] => []);
    for (let round = -WARM_UP; round < Number(args.rounds); round++) {
      const own = await timed(work);
      if (round >= 0) ours.push(own);
      for (const [i, original] of originals.entries()) {
        const run = await peer!.run(name, original);
        if (round >= 0) theirs[i].push(run);
      }
    }
    console.log(JSON.stringify(line(name, (name === "map" ? once : rows).length, ours, originals, theirs)));
  }
  peer?.end();
}

function line(workload: string, rows: number, ours: Run[], originals: readonly string[], theirs: Run[][]) {
  const timing = (runs: Run[]) => summarise(runs.map(({ seconds }) => seconds));
  const own = timing(ours).median_ms;
  const results = [["athanor", ours] as const, ...originals.map((name, i) => [name, theirs[i]] as const)];
  return {
    benchmark: "data/readers",
    workload,
    rows,
    rounds: ours.length,
    results: results.map(([name, runs]) => {
      const { median_ms: seconds, spread_ms: spread } = timing(runs);
      return {
        name,
        rows_s: Math.round(rows / seconds),
        spread_rows_s: spread.map((one) => Math.round(rows / one)).reverse(),
        score: runs[0].score,
        ours_is_faster_by: Number((seconds / own).toPrecision(3)),
      };
    }),
    ...describeMachine(),
  };
}

const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
try {
  await main(folder);
} finally {
  rmSync(folder, { recursive: true });
}
