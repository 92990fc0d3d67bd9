// The check-list of docs/gpu.md on the machine where this runs, in order, one JSON file of results per step.
//   node scripts/gpu/checklist.mjs [--steps 1,2,3] [--minutes 12] [--resume] [--keep-going] [--trial]
// It stops at the first step that fails, as later ones would only repeat it; --keep-going does not. --resume
// passes over steps that have a result of the same commit. --trial is for a build with the emulated device, to
// try the list itself: the Hopper path runs wherever it can, benchmarks take small shapes and measure nothing.
// Started by run.sh, or in a checkout with a CUDA build.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { markVerified } from "./verified.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const { values: options } = parseArgs({
  options: {
    steps: { type: "string" },
    minutes: { type: "string", default: "30" },
    resume: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
    trial: { type: "boolean", default: false },
  },
});
const results = process.env.GPU_RESULTS ?? join(root, "gpu-results");
mkdirSync(results, { recursive: true });
const text = (file) => (existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8").trim() : "");
const build = process.env.ATHANOR_GPU_BUILD ?? (text("build") || "build-cuda");
const commit = text("commit") || run("git", ["rev-parse", "HEAD"]).stdout?.trim() || "unknown";
const began = Date.now();
const end = began + Number(options.minutes) * 60_000;
const environment = {
  ...process.env,
  ATHANOR_BINARY: join(root, build, "Release", "athanor.node"),
  ATHANOR_DEVICE: "cuda",
  ...(options.trial && { CUDA_EMULATION_MEMORY: process.env.CUDA_EMULATION_MEMORY ?? "2048" }),
};

const steps = [
  { number: 1, name: "host, devices, a copy there and back", action: hostAndCopy },
  { number: 2, name: "op and model tests, each launch checked, then as they are", action: tests },
  { number: 3, name: "PTX functions against their meaning", action: () => kernelCheck("words", ["words"]) },
  { number: 4, name: "compute-sanitizer on the small cases", action: computeSanitizer },
  { number: 5, name: "same bits twice, gradients, training steps", action: determinism },
  { number: 6, name: "Hopper path against the portable one", action: hopper },
  { number: 7, name: "benchmarks", action: benchmarks },
];

const wanted = options.steps?.split(",").map(Number) ?? steps.map((step) => step.number);
let passed = 0;
let failed = 0;
for (const step of steps.filter(({ number }) => wanted.includes(number))) {
  const file = join(results, `step-${step.number}.json`);
  if (options.resume && existsSync(file) && JSON.parse(readFileSync(file, "utf8")).commit === commit) {
    console.log(`step ${step.number}: has a result of this commit`);
    continue;
  }
  if (Date.now() > end) {
    console.log(`step ${step.number}: no time left`);
    continue;
  }
  console.log(`\n=== step ${step.number}: ${step.name} (${seconds(began)} s)`);
  const started = Date.now();
  let outcome;
  try {
    outcome = await step.action();
  } catch (error) {
    outcome = { passed: 0, failed: 1, error: String(error?.message ?? error) };
  }
  const of = { commit, build, ...(options.trial && { trial: "on an emulated device" }) };
  const record = { step: step.number, name: step.name, ...of, date: new Date().toISOString(), ...outcome };
  writeFileSync(file, `${JSON.stringify({ ...record, seconds: seconds(started) }, null, 2)}\n`);
  passed += outcome.passed;
  failed += outcome.failed;
  console.log(
    `step ${step.number}: ${outcome.passed} passed, ${outcome.failed} failed, ${seconds(started)} s`,
  );
  if (outcome.failed > 0 && !options["keep-going"]) break;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function hostAndCopy() {
  const host = {
    node: process.version,
    kernel: run("uname", ["-srm"]).stdout?.trim(),
    gpu: run("nvidia-smi", [
      "--query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit",
      "--format=csv,noheader",
    ]).stdout?.trim(),
    nvcc: run("nvcc", ["--version"]).stdout?.trim().split("\n").at(-1),
    python: run("python3", [
      "-c",
      "import torch; print(torch.__version__, torch.version.cuda)",
    ]).stdout?.trim(),
  };
  const script = `
    const { devices, tensor, memory } = await import(${JSON.stringify(join(root, "dist/src/index.js"))});
    const values = Float32Array.from({ length: 1 << 20 }, (_, i) => Math.fround(i * 1.7));
    const x = tensor(values, [1024, 1024], { device: "cuda" });
    const back = await x.data();
    const same = values.every((v, i) => Object.is(v, back[i]));
    console.log(JSON.stringify({ devices: devices(), memory: memory("cuda"), same }));`;
  const copy = run(process.execPath, ["--input-type=module", "-e", script]);
  if (copy.status !== 0) return { passed: 0, failed: 1, host, error: copy.stderr };
  const answer = JSON.parse(copy.stdout);
  return { passed: answer.same ? 1 : 0, failed: answer.same ? 0 : 1, host, ...answer };
}

async function tests() {
  const folders = ["dist/tests/ops", "dist/tests/models", "dist/tests/engine/cuda"];
  const checked = await jest(folders, { CUDA_CHECK_EVERY_LAUNCH: "1" });
  if (checked.failed > 0) return { ...checked, failures: checked.failures };
  const plain = await jest(folders, {});
  const kernels =
    plain.failed === 0 ? markVerified(join(results, "gpu-verified.json"), { commit, hopper: false }) : [];
  return { passed: checked.passed + plain.passed, failed: plain.failed, failures: plain.failures, kernels };
}

async function kernelCheck(name, filters, extra = {}, wrapper = []) {
  const program = join(root, build, "kernel_check");
  const [command, ...leading] = [...wrapper, program, ...filters];
  const { output, status } = await stream(command, leading, extra);
  const counts = /(\d+) passed, (\d+) failed\s*$/.exec(output.trim());
  if (!counts) return { passed: 0, failed: 1, [name]: output.slice(-4000) };
  const failures = output.split("\n").filter((line) => line.startsWith("FAILED"));
  const broken = status !== 0 && counts[2] === "0" ? 1 : 0; // the sanitizer's own findings
  return { passed: Number(counts[1]), failed: Number(counts[2]) + broken, failures, status };
}

async function computeSanitizer() {
  if (run("compute-sanitizer", ["--version"]).status !== 0) {
    return { passed: 0, failed: 0, skipped: "compute-sanitizer is not installed on this host" };
  }
  const outcome = { passed: 0, failed: 0, tools: {} };
  for (const tool of ["memcheck", "racecheck", "synccheck", "initcheck"]) {
    const wrapper = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "99"];
    const one = await kernelCheck(tool, ["--fail-fast"], {}, wrapper);
    outcome.tools[tool] = one;
    outcome.passed += one.failed === 0 ? 1 : 0;
    outcome.failed += one.failed === 0 ? 0 : 1;
  }
  return outcome;
}

/** Ten steps twice with the same bits, beside the CPU's numbers; every gradient and ten steps of PyTorch's. */
function determinism() {
  return jest(["dist/tests/training/cuda.test.js", "dist/tests/models/family-fixtures.test.js"], {});
}

async function hopper() {
  const { stdout } = run("nvidia-smi", ["--query-gpu=compute_cap", "--format=csv,noheader"]);
  if (!options.trial && stdout?.trim().split("\n")[0] !== "9.0") {
    return { passed: 0, failed: 0, skipped: `needs compute capability 9.0, got ${stdout?.trim() || "none"}` };
  }
  const forced = { ATHANOR_CUDA_GEMM: "hopper", ATHANOR_CUDA_ATTENTION: "hopper" };
  const filters = ["words", "gemm_hopper", "attention_hopper", "gemm", "linear", "attention"];
  const outcome = await kernelCheck("hopper", filters, forced);
  const verified = join(results, "gpu-verified.json");
  const kernels = outcome.failed === 0 ? markVerified(verified, { commit, hopper: true }) : [];
  return { ...outcome, kernels };
}

async function benchmarks() {
  const program = join(root, "dist/benchmarks/gpu/main.js");
  if (!existsSync(program)) return { passed: 0, failed: 0, skipped: "no GPU benchmarks in this build" };
  const { status, output } = await stream(
    process.execPath,
    [program, "--out", results, ...(options.trial ? ["--trial", "--runs", "2"] : [])],
    {},
  );
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, output: output.slice(-8000) };
}

async function jest(paths, extra) {
  const file = join(results, "jest.json");
  const jestPath = join(root, "node_modules/jest/bin/jest.js");
  const found = paths.filter((path) => existsSync(join(root, path)));
  // A bundle has no sources, which the table of ops is compared with.
  const passedOver = existsSync(join(root, "src")) ? [] : ["--testPathIgnorePatterns", "ops/table\\."];
  await stream(
    process.execPath,
    [
      "--experimental-vm-modules",
      jestPath,
      "--json",
      `--outputFile=${file}`,
      "--silent",
      ...found,
      ...passedOver,
    ],
    extra,
  );
  const report = JSON.parse(readFileSync(file, "utf8"));
  const failures = report.testResults.flatMap((each) => [
    ...each.assertionResults
      .filter((t) => t.status === "failed")
      .map((t) => ({ test: t.fullName, message: t.failureMessages.join("\n").slice(0, 600) })),
    ...(each.assertionResults.length === 0 && each.status === "failed"
      ? [{ test: each.name, message: each.message.slice(0, 600) }]
      : []),
  ]);
  return { passed: report.numPassedTests, failed: failures.length, failures };
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, env: environment, encoding: "utf8" });
}

/** Runs a program, shows what it prints, and ends it when the time is up. */
function stream(command, args, extra) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...environment, ...extra },
      timeout: Math.max(1000, end - Date.now()),
    });
    let output = "";
    for (const source of [child.stdout, child.stderr]) {
      source.on("data", (piece) => {
        output += piece;
        process.stdout.write(piece);
      });
    }
    child.on("error", (error) => done({ status: 127, output: String(error) }));
    child.on("close", (status) => done({ status: status ?? 124, output }));
  });
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}
