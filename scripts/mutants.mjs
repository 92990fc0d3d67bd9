// Applies each edit that a kernel's check must notice and reports those that it does not.
//
//   node scripts/mutants.mjs [OP...] [--jobs N] [--part I/N] [--minutes N] [--fresh] [--list]
//
// The lists and their form: native/cuda/emulator/README.md. An edit is caught when kernel_check fails with seeds 0, 1
// or 2, else under the address sanitizer, else under the thread sanitizer. Results are kept in build-emulated/mutants
// until a source that matters changes. --part takes every N-th mutant, --minutes begins no mutant after that time (exit
// status 3 when some are left: the next run goes on with them), --fresh forgets what is kept. The last line is "N passed,
// N failed": caught or rightly said to survive, and everything else.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildChanged, buildFolder, link, prepare, variants } from "./kernels/build.mjs";
import { edited, readMutants } from "./kernels/mutant-list.mjs";
import { includesOf, sourcesOf } from "./kernels/sources.mjs";

const kept = join(buildFolder, "mutants");
// One run of the checks may take this much longer than that of the unchanged program: endless loops are caught too.
const patience = { factor: 10, leastSeconds: 20 };
const seedsOf = { seeds: "0,1,2", address: "0,1", thread: "0" }; // those of CI
const options = readOptions(process.argv.slice(2));
let mutants = readMutants(options.ops);
if (options.part) mutants = mutants.filter((_, i) => i % options.part.of === options.part.index - 1);
if (options.list) {
  for (const { op, name, survives } of mutants) console.log(`${op}: ${name}${survives ? " (survives)" : ""}`);
  process.exit(0);
}
if (options.fresh) rmSync(kept, { recursive: true, force: true });
mkdirSync(kept, { recursive: true });

const baselines = new Map();
const hashes = new Map();
const counts = {};
let done = 0;
const waiting = mutants.map((mutant, number) => ({ mutant, number }));
await Promise.all(Array.from({ length: options.jobs }, worker));
for (const [op, count] of Object.entries(counts).sort()) {
  console.log(
    `${op}: ${count.caught} caught, ${count.survives} survive as explained, ${count.failed} failed`,
  );
}
const failed = Object.values(counts).reduce((sum, count) => sum + count.failed, 0);
if (waiting.length > 0) console.log(`${waiting.length} left for the next run`);
console.log(`${done - failed} passed, ${failed} failed`);
if (failed > 0 || done === 0) process.exitCode = 1;
else if (waiting.length > 0) process.exitCode = 3;

function readOptions(words) {
  const result = {
    ops: [],
    jobs: availableParallelism(),
    part: undefined,
    minutes: Infinity,
    fresh: false,
    list: false,
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "--fresh") result.fresh = true;
    else if (word === "--list") result.list = true;
    else if (word === "--jobs") result.jobs = Number(words[++i]);
    else if (word === "--part") {
      const [index, of] = words[++i].split("/").map(Number);
      result.part = { index, of };
    } else if (word === "--minutes") result.minutes = Number(words[++i]);
    else if (word.startsWith("-")) throw new Error(`mutants: unknown option ${word}`);
    else result.ops.push(word);
  }
  return result;
}

async function worker() {
  while (waiting.length > 0 && performance.now() < options.minutes * 60_000) {
    const { mutant, number } = waiting.shift();
    const began = performance.now();
    const result = await resultOf(mutant, join(kept, `work-${number}`));
    counts[mutant.op] ??= { caught: 0, survives: 0, failed: 0 };
    counts[mutant.op][result.outcome]++;
    done++;
    if (result.cached && result.outcome !== "failed") continue;
    const seconds = result.cached ? "kept" : `${((performance.now() - began) / 1000).toFixed(1)} s`;
    const mark = { caught: "caught  ", survives: "survives", failed: "FAILED  " }[result.outcome];
    console.log(
      `[${done}/${mutants.length}] ${mark} ${mutant.op}: ${mutant.name} (${result.how}; ${seconds})`,
    );
  }
}

// { outcome: caught | survives | failed, how }
async function resultOf(mutant, folder) {
  let text;
  try {
    text = edited(mutant);
  } catch (error) {
    return { outcome: "failed", how: error.message };
  }
  const path = join(kept, `${keyOf(mutant, text)}.json`);
  if (existsSync(path)) return { ...JSON.parse(readFileSync(path, "utf8")), cached: true };
  const result = await tryOut(mutant, text, folder);
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(path, JSON.stringify(result));
  return result;
}

async function tryOut(mutant, text, folder) {
  const all = ["seeds", "address", "thread"];
  const order = mutant.by ? [mutant.by, ...all.filter((variant) => variant !== mutant.by)] : all;
  for (const variant of order) {
    const base = prepare(variant, mutant.checks);
    let program;
    try {
      program = await buildChanged(base, mutant, text, folder);
    } catch (error) {
      return {
        outcome: "failed",
        how: `does not compile: ${String(error.stderr ?? error.message).slice(0, 2000)}`,
      };
    }
    const limit = Math.max(patience.leastSeconds, patience.factor * (await baseline(variant, mutant.checks)));
    const { status, output } = await run(variant, program, mutant.checks, limit);
    if (status === 0) continue;
    if (status === "SIGILL")
      return { outcome: "failed", how: `${variant}: a function is called that is not linked` };
    const first = output.split("\n").find((line) => /FAILED|ERROR: |WARNING: |runtime error/.test(line));
    const how = `${variant}: ${first ?? `exit status ${status}`}`.trim();
    if (mutant.survives) return { outcome: "failed", how: `said to survive, but caught by ${how}` };
    return { outcome: "caught", how };
  }
  return mutant.survives
    ? { outcome: "survives", how: mutant.survives }
    : { outcome: "failed", how: "survived seeds and sanitizers" };
}

// Seconds that the unchanged program takes; it has to pass.
function baseline(variant, checks) {
  const key = `${variant} ${checks.join(" ")}`;
  if (!baselines.has(key)) baselines.set(key, measure(variant, checks));
  return baselines.get(key);
}

async function measure(variant, checks) {
  const path = join(kept, `seconds-${variant}-${hashOf(checks).slice(0, 32)}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
  const program = await link(prepare(variant, checks));
  const began = performance.now();
  const { status, output } = await run(variant, program, checks, 600);
  if (status !== 0)
    throw new Error(`mutants: ${checks.join(", ")} fail without an edit (${variant})\n${output}`);
  const seconds = (performance.now() - began) / 1000;
  writeFileSync(path, JSON.stringify(seconds));
  return seconds;
}

function run(variant, program, checks, seconds) {
  const words = [...variants[variant].runner, program, ...checks, "--seeds", seedsOf[variant], "--fail-fast"];
  return new Promise((resolve) => {
    const child = spawn(words[0], words.slice(1), {
      env: { ...variants[variant].environment, ...process.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (chunk) => {
      if (output.length < 1 << 20) output += chunk;
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
    child.on("error", (error) => resolve({ status: -1, output: error.message }));
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve({ status: status ?? signal, output });
    });
  });
}

// Depends on the edit and on every file of the repository that the program is built from.
function keyOf(mutant, text) {
  const hash = createHash("sha256").update(JSON.stringify([mutant, text]));
  return hash.update(hashOf(mutant.checks)).digest("hex").slice(0, 32);
}

function hashOf(checks) {
  const key = checks.join(" ");
  if (!hashes.has(key)) {
    const needed = sourcesOf(checks);
    if (!needed) throw new Error(`mutants: no native/cuda/check/check_${checks.join(", check_")}`);
    const files = new Set();
    for (const source of [...needed.checks, ...needed.code]) {
      files.add(source);
      includesOf(source, files);
    }
    const hash = createHash("sha256");
    for (const file of [...files].sort()) hash.update(file).update(readFileSync(file));
    hashes.set(key, hash.digest("hex"));
  }
  return hashes.get(key);
}
