// Builds kernel_check for some ops in build-emulated: only what their checks need, with one file changed if asked. The
// objects are those of CMake's targets, so nothing is compiled twice.
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { includersOf, sourcesOf } from "./sources.mjs";

const execute = promisify(execFile);
export const buildFolder = "build-emulated";
const large = { maxBuffer: 1 << 28 };
const isaTargets = () => commandsOf().isa;
// The target whose flags kernels and checks are compiled with, and what its link and its run need. One thread under the
// race detector: the CPU's code in the program is not instrumented.
export const variants = {
  seeds: { target: "kernel_check", link: [], environment: {}, runner: [] },
  address: {
    target: "kernel_check_address",
    link: ["-fsanitize=address,undefined"],
    environment: { ASAN_OPTIONS: "detect_leaks=0", UBSAN_OPTIONS: "print_stacktrace=1" },
    runner: [],
  },
  thread: {
    target: "kernel_check_thread",
    link: ["-fsanitize=thread"],
    environment: { ATHANOR_THREADS: "1", TSAN_OPTIONS: "halt_on_error=1:report_thread_leaks=0" },
    runner: ["setarch", "-R"], // the detector needs a fixed memory layout
  },
};

export function configure() {
  const cache = join(buildFolder, "CMakeCache.txt");
  const complete = existsSync(cache) && existsSync(join(buildFolder, "compile_commands.json"));
  if (complete) return;
  const generator = !existsSync(cache) && spawnable("ninja") ? ["-G", "Ninja"] : [];
  execFileSync(
    "cmake",
    [
      "-S",
      ".",
      "-B",
      buildFolder,
      ...generator,
      "-DATHANOR_CUDA_EMULATION=ON",
      "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
}

function spawnable(command) {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// Builds targets or single objects; throws with the compiler's words.
function make(targets) {
  const file = existsSync(join(buildFolder, "build.ninja")) ? "ninja" : "make";
  try {
    return execFileSync(file, ["-C", buildFolder, `-j${availableParallelism()}`, ...targets], {
      ...large,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const words = `${error.stdout}${error.stderr}`
      .split("\n")
      .filter((line) => !/^\[\d|^ninja: Entering/.test(line));
    throw new Error(words.join("\n"));
  }
}

// The whole program, as CI runs it. Returns its path.
export function buildAll(variant) {
  configure();
  make([variants[variant].target]);
  return join(buildFolder, variants[variant].target);
}

let commands;
function commandsOf() {
  if (commands) return commands;
  const root = `${resolve(".")}/`;
  const entries = JSON.parse(readFileSync(join(buildFolder, "compile_commands.json"), "utf8"));
  const list = entries.map(({ command, file }) => {
    const words = command.split(/\s+/).filter(Boolean);
    const output = words[words.indexOf("-o") + 1];
    const kept = words.filter(
      (word, i) => !["-o", "-c"].includes(word) && !["-o", "-c"].includes(words[i - 1]),
    );
    return {
      file: file.replace(root, ""),
      output: output.replace(`${root}${buildFolder}/`, ""),
      words: kept,
    };
  });
  const isa = [
    ...new Set(list.map(({ output }) => output.match(/^CMakeFiles\/(isa_\w+)\.dir\//)?.[1]).filter(Boolean)),
  ];
  commands = { list, isa };
  return commands;
}

function commandFor(variant, source) {
  const unseen = variant === "thread" ? ["emulator_unseen"] : [];
  const folders = [variants[variant].target, ...unseen, "kernel_checks", "engine"];
  for (const folder of folders) {
    const found = commandsOf().list.find(
      ({ file, output }) => file === source && output.startsWith(`CMakeFiles/${folder}.dir/`),
    );
    if (found) return found;
  }
  throw new Error(`${source} is not compiled for ${variants[variant].target}`);
}

// What is there before an edit: the objects of the checks and an archive of the rest.
const prepared = new Map();
export function prepare(variant, ops) {
  const key = `${variant} ${ops.join(" ")}`;
  if (!prepared.has(key)) prepared.set(key, prepareOnce(variant, ops));
  return prepared.get(key);
}

function prepareOnce(variant, ops) {
  configure();
  if (!existsSync(join(buildFolder, "build.ninja"))) {
    throw new Error("single ops are built with Ninja: install it and remove build-emulated");
  }
  make(["build.ninja"]); // sees new files
  commands = undefined;
  const needed = sourcesOf(ops);
  if (!needed) throw new Error(`no native/cuda/check/check_${ops.join(", check_")}`);
  const checks = needed.checks.map((source) => commandFor(variant, source).output);
  const code = needed.code.map((source) => commandFor(variant, source).output);
  make([...checks, ...code, ...isaTargets()]);
  const folder = join(buildFolder, "kernels", `${variant}-${ops.join("-")}`.slice(0, 200));
  mkdirSync(folder, { recursive: true });
  const archive = resolve(folder, "code.a");
  rmSync(archive, { force: true });
  execFileSync("ar", ["rcsT", archive, ...code.map((output) => resolve(buildFolder, output))]);
  return { variant, folder, checks, archive, needed };
}

// Links the checks with what they need. Functions of other ops that a needed object mentions become traps.
export async function link({ variant, folder, checks, archive }, replaced = new Map(), into = folder) {
  const program = resolve(into, "kernel_check");
  const own = checks.map((output) => replaced.get(output) ?? output);
  const changed = [...replaced].filter(([output]) => !checks.includes(output)).map(([, object]) => object);
  const libraries = isaTargets().map((name) => `lib${name}.a`);
  const words = [...variants[variant].link, ...own, ...changed, archive, ...libraries];
  const run = (extra) =>
    execute("g++", [...words, ...extra, "-Wl,--no-demangle", "-ldl", "-lpthread", "-o", program], {
      cwd: buildFolder,
      ...large,
    });
  const traps = join(resolve(folder), "traps.o");
  try {
    await run(existsSync(traps) ? [traps] : []);
  } catch (error) {
    const missing = [
      ...new Set([...error.stderr.matchAll(/undefined reference to `([^']+)'/g)].map(([, name]) => name)),
    ];
    if (missing.length === 0) throw error;
    rmSync(traps, { force: true });
    const text = missing.map((name) => `.globl ${name}\n${name}:\n  .byte 0x0f, 0x0b\n`).join("");
    writeFileSync(`${traps}.s`, `.text\n${text}.section .note.GNU-stack,"",@progbits\n`);
    await execute("g++", ["-c", `${traps}.s`, "-o", traps]);
    await run([traps]);
  }
  return program;
}

// The headers that every kernel's source begins with, compiled once: a third of the time that an edited one takes.
// Words are those of a command without level of optimization, source and object.
const headers = new Map();
function precompiled(variant, words) {
  if (!headers.has(variant)) headers.set(variant, precompile(variant, words));
  return headers.get(variant);
}

async function precompile(variant, words) {
  const header = resolve(buildFolder, "kernels", `${variant}.h`);
  copyFileSync("native/cuda/emulator/headers.h", header);
  await execute(
    words[0],
    [...words.slice(1), "-O1", "-x", "c++-header", "-c", header, "-o", `${header}.gch`],
    {
      cwd: buildFolder,
      ...large,
    },
  );
  return header;
}

// The program with one file changed, in a folder of its own.
export async function buildChanged(base, { file, compile }, text, into) {
  rmSync(into, { recursive: true, force: true });
  const changed = join(into, file);
  mkdirSync(dirname(changed), { recursive: true });
  writeFileSync(changed, text);
  const replaced = new Map();
  const linked = new Set([...base.needed.checks, ...base.needed.code]);
  const includers = () => includersOf(file).filter((source) => linked.has(source));
  const sources = compile ?? (/\.(cu|cpp)$/.test(file) ? [file] : includers());
  if (sources.length === 0) throw new Error(`nothing that is checked includes ${file}`);
  for (const source of sources) {
    const command = commandFor(base.variant, source);
    const object = resolve(into, `${replaced.size}.o`);
    const words = command.words.filter((word) => !/^-(MD|O[0-3])$/.test(word));
    const input = resolve(source === file ? changed : source);
    // The sanitizers' programs have them anyway; flags are the same for all kernels of a variant.
    const without = base.variant === "seeds" && source.endsWith(".cu");
    const begin = without ? ["-include", await precompiled(base.variant, words)] : [];
    await execute(
      words[0],
      [`-I${resolve(into, "native")}`, ...words.slice(1), ...begin, "-O1", "-o", object, "-c", input],
      { cwd: buildFolder, ...large },
    );
    replaced.set(command.output, object);
  }
  return link(base, replaced, into);
}
