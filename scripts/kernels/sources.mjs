// Which sources the check of an op needs: its check_<op> files, and what the headers that they include stand for. A
// header of an op's folder stands for the folder's code, one of native/cuda for the sources that begin with its name.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const checkFolder = "native/cuda/check";
const all = readdirSync("native", { recursive: true }).map((path) => join("native", path));
const sources = all.filter((path) => /\.(cu|cpp)$/.test(path) && !path.startsWith("native/binding/")).sort();
const texts = new Map();

function textOf(path) {
  if (!texts.has(path)) texts.set(path, existsSync(path) ? readFileSync(path, "utf8") : "");
  return texts.get(path);
}

// The files of the repository that a file includes, directly or not.
export function includesOf(path, seen = new Set()) {
  for (const [, name] of textOf(path).matchAll(/^\s*#\s*include "(.+)"/gm)) {
    const header = join("native", name);
    if (seen.has(header) || !existsSync(header)) continue;
    seen.add(header);
    includesOf(header, seen);
  }
  return seen;
}

// An op's front file checks arguments of calls: it needs the whole engine, and no kernel's check needs it.
const isFront = (path) => /\bconst Op op_/.test(textOf(path)) || path === "native/ops/registry.cpp";
const isChecked = (path) =>
  path.startsWith(`${checkFolder}/`) || /^native\/(check|cpu\/check|engine_check)/.test(path);
const code = sources.filter(
  (path) => !isFront(path) && !isChecked(path) && !path.startsWith("native/cpu/isa/"),
);

function standsFor(header) {
  const folder = dirname(header);
  if (folder === "native/cuda") {
    const name = header.slice(0, -".h".length);
    return code.filter((path) => path.startsWith(`${name}.`) || path.startsWith(`${name}_`));
  }
  return folder.startsWith("native/ops") ? code.filter((path) => dirname(path) === folder) : [];
}

export const deviceHost = sources.filter((path) => /^native\/cuda\/[^/]+\.cpp$/.test(path));
export const emulator = sources.filter((path) => path.startsWith("native/cuda/emulator/"));

// { checks, code } for the ops named; undefined when one of them has no files of its own.
export function sourcesOf(ops) {
  const checks = [join(checkFolder, "kernel_check.cpp")];
  for (const op of ops) {
    const own = sources.filter(
      (path) =>
        path.startsWith(`${checkFolder}/check_${op}.`) || path.startsWith(`${checkFolder}/check_${op}_`),
    );
    if (own.length === 0) return undefined;
    checks.push(...own);
  }
  const always = code.filter(
    (path) =>
      /^native\/(core|cpu)\//.test(path) ||
      path.startsWith("native/cuda/emulator/") ||
      path === "native/cuda/rows.cu",
  );
  const needed = new Set([
    ...always,
    ...["accelerator", "detect", "device_memory", "stream"].map((name) => `native/cuda/${name}.cpp`),
  ]);
  const queue = [...checks, "native/cuda/rows.cu"];
  for (let path = queue.pop(); path; path = queue.pop()) {
    for (const header of includesOf(path)) {
      for (const source of standsFor(header)) {
        if (needed.has(source)) continue;
        needed.add(source);
        queue.push(source);
      }
    }
  }
  return { checks: [...new Set(checks)], code: [...needed].filter((path) => existsSync(path)).sort() };
}

// The kernels' sources that include a header, for a changed header.
export function includersOf(header) {
  return sources.filter((path) => path.endsWith(".cu") && includesOf(path).has(header));
}
