// What the metric benchmarks share: seeded texts, and runs in turn with the original program in a Python process.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { describeMachine, summarise } from "../support/runner.js";

/** One workload: its name, as the peer knows it too, and our side of it, which returns the score. */
export interface Workload {
  name: string;
  run: () => number;
}

interface Run {
  seconds: number;
  score: number;
}

const root = new URL("../../../", import.meta.url);

/** A seeded generator of fractions from 0 up to 1. */
export function fractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Pairs of English-looking sentences: words by rank as in real text, commas and stops, one word in five changed. */
export function sentencePairs(
  count: number,
  words: number,
  seed: number,
): { ours: string[]; theirs: string[] } {
  const random = fractions(seed);
  const letters = "etaoinshrdlucmfwypvbgk";
  const spell = () => {
    const length = 2 + Math.floor(random() * 8);
    return Array.from({ length }, () => letters[Math.floor(random() ** 2 * letters.length)]).join("");
  };
  const vocabulary = Array.from({ length: 30_000 }, spell);
  const word = () => vocabulary[Math.floor(vocabulary.length ** random()) - 1];
  const write = (tokens: string[]) => `${tokens.join(" ").replaceAll(" ,", ",")}.`;
  const [ours, theirs] = [[], []] as [string[], string[]];
  for (let i = 0; i < count; i++) {
    const length = Math.max(1, Math.round(words * (0.5 + random())));
    const tokens = Array.from({ length }, () => (random() < 0.07 ? "," : word()));
    theirs.push(write(tokens));
    ours.push(write(tokens.map((token) => (random() < 0.2 ? word() : token))));
  }
  return { ours, theirs };
}

/** Times every workload, in turn with the peer when `--python` names an interpreter, and prints a JSON line each. */
export async function compare(
  benchmark: string,
  texts: { ours: string[]; theirs: string[] },
  workloads: readonly Workload[],
): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      rounds: { type: "string", default: "20" },
      pairs: { type: "string" },
      only: { type: "string" },
    },
  });
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
  writeFileSync(join(folder, "texts.json"), JSON.stringify(texts));
  const peer = values.python === undefined ? null : startPeer(values.python, join(folder, "texts.json"));
  const versions = peer === null ? {} : ((await peer.next()) as Record<string, string | null>);
  for (const { name, run } of workloads) {
    if (values.only !== undefined && values.only !== name) continue;
    const original = versions[name] ?? null; // null: that program is not installed
    const ours: Run[] = [];
    const theirs: Run[] = [];
    for (let round = -1; round < rounds; round++) {
      const start = performance.now();
      const score = run();
      const own = { seconds: (performance.now() - start) / 1e3, score };
      const other = original === null || peer === null ? null : await peer.run(name);
      if (round < 0) continue; // warm-up
      ours.push(own);
      if (other !== null) theirs.push(other);
    }
    console.log(JSON.stringify(line(benchmark, name, texts.ours.length, ours, theirs, original)));
  }
  peer?.end();
  rmSync(folder, { recursive: true });
}

function line(
  benchmark: string,
  workload: string,
  pairs: number,
  ours: Run[],
  theirs: Run[],
  original: string | null,
) {
  const timing = (runs: Run[]) => summarise(runs.map((run) => run.seconds * 1e3));
  const baseline =
    theirs.length > 0 ? { name: original, ...timing(theirs), score: theirs[0].score } : undefined;
  const own = timing(ours);
  return {
    benchmark,
    workload,
    pairs,
    rounds: ours.length,
    ...own,
    score: ours[0].score,
    baseline: baseline ?? "not measured: no interpreter with the original was given",
    speedup: baseline && Number((baseline.median_ms / own.median_ms).toPrecision(3)),
    peak_memory_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    ...describeMachine(),
  };
}

// A child process that answers one JSON line per request
function startPeer(python: string, file: string) {
  const script = new URL("benchmarks/metrics/metrics_peer.py", root).pathname;
  const child = spawn(python, [script, file], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  return {
    next,
    run: (workload: string): Promise<Run> => {
      child.stdin.write(`${workload}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}
