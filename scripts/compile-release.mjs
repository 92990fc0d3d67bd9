// Compiles every CUDA source for all architectures of a release, as the published binary has them, and writes to
// native/cuda/release.txt which sources compiled and what each costs in seconds of a core and bytes:
//
//   node scripts/compile-release.mjs [--check] [FILE.cu...]
//
// --check compiles only what has changed since the file was written, and does not write it: the whole takes minutes, so
// CI sees in the file that all else was compiled. Hopper's own files are compiled for sm_90a alone. Needs nvcc, not a GPU.
// The last line is "N passed, N failed", files.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { includesOf } from "./kernels/sources.mjs";

const execute = promisify(execFile);
const table = "native/cuda/release.txt";
const folder = "build-registers";
const binary = (number) => `-gencode=arch=compute_${number},code=sm_${number}`;
const forward = (number) => `-gencode=arch=compute_${number},code=compute_${number}`;
const release = [...["80", "86", "89", "90a", "100", "120"].map(binary), forward("80"), forward("120")];
const flags = [
  "-O3",
  "-std=c++17",
  "-Xcompiler=-fPIC,-fvisibility=hidden",
  "-DWITH_CUDA",
  "-Inative",
  "--threads=2",
  "-compress-mode=size",
];
const version = execFileSync("nvcc", ["--version"], { encoding: "utf8" }).match(
  /release [\d.]+, V([\d.]+)/,
)[1];

const words = process.argv.slice(2);
const check = words.includes("--check");
const named = words.filter((word) => !word.startsWith("--"));
const sources = readdirSync("native", { recursive: true })
  .map((path) => join("native", path))
  .filter((path) => path.endsWith(".cu") && !path.startsWith("native/cuda/check/"))
  .sort();
const recorded = readTable();
mkdirSync(folder, { recursive: true });

let failed = 0;
const wanted = named.length > 0 ? named : sources;
for (const path of wanted) {
  const hash = hashOf(path);
  if (check && recorded.get(path)?.hash === hash) {
    console.log(`unchanged  ${path}`);
    continue;
  }
  try {
    const { seconds, bytes } = await compile(path);
    recorded.set(path, { hash, seconds: seconds.toFixed(1), kib: (bytes / 1024).toFixed(0) });
    console.log(row(path));
  } catch (error) {
    recorded.delete(path);
    console.log(`FAILED ${path}\n${error.stdout}${error.stderr}`);
    failed++;
  }
  if (!check) writeTable(); // at once: a run that is cut short keeps what it has done
}
console.log(total());
console.log(`${wanted.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && wanted.length > 0 ? 0 : 1;

function targetsOf(path) {
  return path.endsWith("_hopper.cu") ? [binary("90a")] : release;
}

// Seconds of one core, as they do not depend on what else runs.
async function compile(path) {
  const object = join(folder, "release.o");
  const command = ["nvcc", ...flags, ...targetsOf(path), "-c", path, "-o", object];
  const timed = ["-c", 'TIMEFORMAT="%U %S"; time "$@"', "-", ...command];
  const { stderr } = await execute("bash", timed, { maxBuffer: 1 << 28 });
  const [user, system] = stderr.trim().split("\n").at(-1).split(" ").map(Number);
  const seconds = user + system;
  const bytes = statSync(object).size;
  rmSync(object);
  return { seconds, bytes };
}

// Of the compiler, the source and all that it includes from here.
function hashOf(path) {
  const hash = createHash("sha256").update(JSON.stringify([version, flags, targetsOf(path)]));
  for (const file of [path, ...includesOf(path)].sort()) hash.update(file).update(readFileSync(file, "utf8"));
  return hash.digest("hex").slice(0, 16);
}

function readTable() {
  const rows = new Map();
  if (!existsSync(table)) return rows;
  for (const line of readFileSync(table, "utf8").split("\n")) {
    const [hash, seconds, kib, path] = line.trim().split(/\s+/);
    if (path && sources.includes(path)) rows.set(path, { hash, seconds, kib });
  }
  return rows;
}

function row(path) {
  const { hash, seconds, kib } = recorded.get(path);
  return `${hash} ${seconds.padStart(7)} ${kib.padStart(7)}  ${path}`;
}

function total() {
  const sum = (of) => [...recorded.values()].reduce((all, each) => all + Number(of(each)), 0).toFixed(0);
  return `${recorded.size} of ${sources.length} files, ${sum((r) => r.seconds)} s, ${sum((r) => r.kib)} KiB`;
}

function writeTable() {
  const lines = [
    "# What was last compiled for all release architectures: hash of the source and its headers, seconds of a",
    `# core, KiB of the object, file. Written by scripts/compile-release.mjs with nvcc ${version}.`,
    `# ${total()}`,
    ...[...recorded.keys()].sort().map(row),
  ];
  writeFileSync(table, `${lines.join("\n")}\n`);
}
