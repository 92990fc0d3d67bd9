// Registers, spills and fixed shared memory of every kernel, as ptxas counts them for sm_80 (*_hopper.cu: sm_90a),
// in native/cuda/registers.txt. A change of that file shows in review what a change of code does to a kernel.
//
//   node scripts/registers.mjs [--check] [FILE.cu...]
//
// Writes the file; --check compares instead, and fails on a difference. Output of unchanged sources is kept in
// build-registers. Needs nvcc, not a GPU.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { includesOf } from "./kernels/sources.mjs";

const execute = promisify(execFile);
const table = "native/cuda/registers.txt";
const kept = "build-registers";
const flags = ["-std=c++17", "-O3", "-Inative", "-Xptxas=-v", "-cubin"];

const words = process.argv.slice(2);
const check = words.includes("--check");
const named = words.filter((word) => !word.startsWith("--"));
const version = execFileSync("nvcc", ["--version"], { encoding: "utf8" }).match(
  /release [\d.]+, V([\d.]+)/,
)[1];
const sources = readdirSync("native", { recursive: true })
  .map((path) => join("native", path))
  .filter((path) => path.endsWith(".cu") && !path.startsWith("native/cuda/check/"))
  .sort();
const before = existsSync(table) ? readFileSync(table, "utf8") : "";
const wanted = named.length > 0 ? named : sources;
mkdirSync(kept, { recursive: true });

const sections = new Map(readSections(before));
for (const path of [...sections.keys()]) if (!sources.includes(path)) sections.delete(path);
const queue = [...wanted];
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let path = queue.shift(); path; path = queue.shift()) sections.set(path, await sectionOf(path));
  }),
);
const header = [
  "# Registers, bytes spilled (stores + loads), bytes of fixed shared memory; written by scripts/registers.mjs.",
  `# nvcc ${version}`,
];
const after = `${[...header, ...[...sections].sort().map(([, section]) => section)].join("\n\n").replace("\n\n", "\n")}\n`;
report();

function report() {
  const spilling = after.split("\n").filter((line) => Number(line.match(/^ +\d+ +(\d+)/)?.[1]) > 0);
  console.log(
    `${sections.size} files, ${after.match(/^ +\d+/gm)?.length ?? 0} kernels, ${spilling.length} spill`,
  );
  for (const line of spilling) console.log(line);
  if (!check) return writeFileSync(table, after);
  const theirs = before.match(/^# nvcc (.+)$/m)?.[1];
  if (theirs !== version) {
    console.log(`${table} is of nvcc ${theirs}, here is ${version}: not compared`);
    return;
  }
  if (before === after) return;
  const [old, now] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  for (const line of old) if (!now.has(line)) console.log(`- ${line}`);
  for (const line of now) if (!old.has(line)) console.log(`+ ${line}`);
  console.log(
    `${table} is not what the sources give: run node scripts/registers.mjs and look at the difference`,
  );
  process.exitCode = 1;
}

function readSections(text) {
  const parts = text.split("\n\n").map((part) => part.trimEnd().replace(/^(#.*\n)+/, ""));
  return parts.filter((part) => part.startsWith("native/")).map((part) => [part.split(" ")[0], part]);
}

async function sectionOf(path) {
  const architecture = path.endsWith("_hopper.cu") ? "sm_90a" : "sm_80";
  const output = join(kept, `${hashOf(path, architecture)}.txt`);
  if (!existsSync(output)) {
    const { stderr, stdout } = await execute(
      "nvcc",
      [...flags, `-arch=${architecture}`, "-o", `${output}.cubin`, path],
      { maxBuffer: 1 << 28 },
    );
    writeFileSync(output, stdout + stderr);
  }
  const kernels = kernelsOf(readFileSync(output, "utf8"));
  const lines = kernels.map(
    ({ registers, spill, shared, name }) =>
      `${String(registers).padStart(5)} ${String(spill).padStart(6)} ${String(shared).padStart(7)}  ${name}`,
  );
  return [`${path} ${architecture}`, ...lines].join("\n");
}

function kernelsOf(output) {
  const kernels = [];
  let kernel;
  for (const line of output.split("\n")) {
    const compiling = line.match(/Compiling entry function '(\S+)'/);
    if (compiling) {
      kernel = { mangled: compiling[1], registers: 0, spill: 0, shared: 0 };
      kernels.push(kernel);
    }
    const spills = line.match(/(\d+) bytes spill stores, (\d+) bytes spill loads/);
    // Properties of functions that are not inlined follow those of the kernel.
    if (spills && kernel) kernel.spill += Number(spills[1]) + Number(spills[2]);
    const used = line.match(/Used (\d+) registers/);
    if (used && kernel) {
      kernel.registers = Number(used[1]);
      kernel.shared = Number(line.match(/(\d+) bytes smem/)?.[1] ?? 0);
    }
  }
  const names = execFileSync("c++filt", {
    input: kernels.map((k) => k.mangled).join("\n"),
    encoding: "utf8",
  });
  names
    .trim()
    .split("\n")
    .forEach((name, i) => {
      if (kernels[i]) kernels[i].name = shortName(name);
    });
  return kernels.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

// Without result, namespaces and parameters: what tells the instances of a kernel apart.
function shortName(name) {
  const plain = name
    .replace(/^void /, "")
    .replaceAll(/athanor::|\(anonymous namespace\)::|_GLOBAL__N__\w+::/g, "");
  let depth = 0;
  for (let i = 0; i < plain.length; i++) {
    if (plain[i] === "<") depth++;
    else if (plain[i] === ">") depth--;
    else if (plain[i] === "(" && depth === 0 && i > 0) return plain.slice(0, i);
  }
  return plain;
}

// Of the source and of all that it includes from here.
function hashOf(path, architecture) {
  const hash = createHash("sha256").update(JSON.stringify([version, flags, architecture]));
  for (const file of [path, ...includesOf(path)].sort()) hash.update(file).update(readFileSync(file, "utf8"));
  return hash.digest("hex").slice(0, 32);
}
