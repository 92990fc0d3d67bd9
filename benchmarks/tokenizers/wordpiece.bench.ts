// WordPiece with offsets on one thread, in MB of UTF-8 per second. Prints JSON.
//
//   node dist/benchmarks/tokenizers/wordpiece.bench.js
//     [--text FILE[.gz]] [--vocab FILE[.gz]] [--runs 20] [--python PYTHON]
//
// Workloads over the same text: "lines" encodes line by line, "batch" all lines in one call, "whole" all as
// one text. Without --text: the 10,570 SQuAD questions of the tests. With --python (an interpreter that has
// `tokenizers`) the baseline runs in turn with ours, also on one thread.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import { BertTokenizer } from "../../src/tokenizers/index.js";

type Workload = "lines" | "batch" | "whole";

interface Run {
  seconds: number;
  tokens: number;
}

const root = new URL("../../../", import.meta.url);
const WARM_UP = 5;

const { values: args } = parseArgs({
  options: {
    text: { type: "string" },
    vocab: { type: "string" },
    runs: { type: "string", default: "20" },
    python: { type: "string" },
  },
});

function readText(path: string | URL): string {
  const bytes = readFileSync(path);
  return (String(path).endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

function questions(): string {
  const file = new URL("tests/fixtures/tokenizers/golden-questions/question_tokens.json.gz", root);
  return (JSON.parse(readText(file)) as { original: string }[])
    .map((question) => question.original)
    .join("\n");
}

function statistics(runs: Run[], bytes: number) {
  const rates = runs.map((run) => bytes / 1e6 / run.seconds).sort((a, b) => a - b);
  const at = (share: number) => Number(rates[Math.round(share * (rates.length - 1))].toFixed(2));
  return {
    median: at(0.5),
    lowest: at(0),
    p10: at(0.1),
    p90: at(0.9),
    highest: at(1),
    tokens: runs[0].tokens,
  };
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}

// A child process that answers one JSON line per request
function startPeer(python: string, files: string[]) {
  const script = new URL("benchmarks/tokenizers/wordpiece_peer.py", root).pathname;
  const child = spawn(python, [script, ...files], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  return {
    next,
    run: (workload: Workload): Promise<Run> => {
      child.stdin.write(`${workload}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}

async function main(): Promise<void> {
  const text = args.text === undefined ? questions() : readText(args.text);
  const vocab = readText(args.vocab ?? new URL("tests/fixtures/vocab/bert-base-uncased/vocab.txt.gz", root));
  const started = performance.now();
  const tokenizer = BertTokenizer.fromVocabulary(vocab.replace(/\n$/, "").split("\n"));
  const buildMs = Number((performance.now() - started).toFixed(1));
  const lines = text.split("\n");
  const bytes = Buffer.byteLength(text);
  const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
  const work: Record<Workload, () => number> = {
    lines: () => sum(lines.map((line) => tokenizer.encode(line).ids.length)),
    batch: () => sum(tokenizer.encodeBatch(lines).map((encoding) => encoding.ids.length)),
    whole: () => tokenizer.encode(text).ids.length,
  };
  const run = (workload: Workload): Run => {
    const start = performance.now();
    const tokens = work[workload]();
    return { seconds: (performance.now() - start) / 1e3, tokens };
  };

  const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
  const files = [join(folder, "vocab.txt"), join(folder, "text.txt")];
  writeFileSync(files[0], vocab);
  writeFileSync(files[1], text);
  const peer = args.python === undefined ? null : startPeer(args.python, files);
  const peerVersions = peer === null ? null : await peer.next();
  const results: Record<string, unknown> = {};
  for (const workload of Object.keys(work) as Workload[]) {
    const ours: Run[] = [];
    const theirs: Run[] = [];
    for (let i = -WARM_UP; i < Math.max(20, Number(args.runs)); i++) {
      const own = run(workload);
      const other = peer === null ? null : await peer.run(workload);
      if (i < 0) continue;
      ours.push(own);
      if (other !== null) theirs.push(other);
    }
    results[workload] = {
      athanor: statistics(ours, bytes),
      ...(peer === null ? {} : { tokenizers: statistics(theirs, bytes) }),
    };
  }
  peer?.end();
  rmSync(folder, { recursive: true });
  const report = {
    benchmark: "tokenizers/wordpiece",
    unit: "MB of UTF-8 per second, one thread, with offsets and word ids",
    commit: commit(),
    date: new Date().toISOString(),
    hardware: cpus()[0].model,
    node: process.version,
    baseline: peerVersions,
    text: { source: args.text ?? "SQuAD v1.1 dev questions", bytes, lines: lines.length },
    buildMs,
    runs: Math.max(20, Number(args.runs)),
    results,
  };
  console.log(JSON.stringify(report, null, 2));
}

await main();
