// tests/gpu-verified.json says which kernels passed their tests on which GPU: kernel -> commit, GPU, driver, date
// and a digest of its source. `node scripts/gpu/verified.mjs` lists the kernels that no GPU has run yet, or whose
// source has changed since; `--update FILE` takes over what the check-list wrote on a GPU.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const record = join(root, "tests/gpu-verified.json");

/** Every kernel of native/ -> { file, digest }. Without sources (in a bundle) what the build wrote down. */
export function kernels() {
  const folder = join(root, "native");
  if (!existsSync(folder)) return JSON.parse(readFileSync(join(root, "dist/kernels.json"), "utf8"));
  const files = readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => /\.(cu|cuh|h)$/.test(file) && !/\/cuda\/(check|emulator)\//.test(file))
    .sort();
  const found = {};
  for (const file of files) {
    const source = readFileSync(file, "utf8");
    const digest = createHash("sha256").update(source).digest("hex").slice(0, 16);
    for (const [, name] of source.matchAll(
      /__global__[^;{]*?\bvoid\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(/g,
    )) {
      found[name] = { file: relative(root, file), digest };
    }
    for (const [, name] of source.matchAll(
      /__global__\s+__launch_bounds__\([^;{]*?\)\s*void\s+(\w+)\s*\(/g,
    )) {
      found[name] = { file: relative(root, file), digest };
    }
  }
  return found;
}

/**
 * On a GPU, after tests passed: adds to the record the kernels that they run, which are those of the Hopper path (files
 * *_hopper.cu), off by default, or all others.
 */
export function markVerified(target, { commit, hopper }) {
  const query = spawnSync("nvidia-smi", ["--query-gpu=name,driver_version", "--format=csv,noheader"], {
    encoding: "utf8",
  });
  if (query.status !== 0) return []; // no GPU: an emulated run verifies nothing
  const [gpu, driver] = query.stdout.trim().split("\n")[0].split(", ");
  const date = new Date().toISOString().slice(0, 10);
  const all = Object.entries(kernels()).filter(([, { file }]) => file.endsWith("_hopper.cu") === hopper);
  const entries = all.map(([name, { digest }]) => [name, { commit, gpu, driver, date, digest }]);
  const before = existsSync(target) ? JSON.parse(readFileSync(target, "utf8")) : {};
  writeFileSync(target, `${JSON.stringify({ ...before, ...Object.fromEntries(entries) }, null, 2)}\n`);
  return all.map(([name]) => name);
}

function main() {
  const [option, file] = process.argv.slice(2);
  const held = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")) : {};
  const all = kernels();
  if (option === "--list") {
    writeFileSync(join(root, "dist/kernels.json"), JSON.stringify(all));
    return;
  }
  if (option === "--update") {
    const known = Object.entries(JSON.parse(readFileSync(file, "utf8"))).filter(([name]) => all[name]);
    writeFileSync(record, `${JSON.stringify({ ...held, ...Object.fromEntries(known) }, null, 2)}\n`);
    console.log(`${known.length} kernels taken over`);
    return;
  }
  const names = Object.keys(all).sort();
  const gone = Object.keys(held).filter((name) => !all[name]);
  const never = names.filter((name) => !held[name]);
  const changed = names.filter((name) => held[name] && held[name].digest !== all[name].digest);
  console.log(
    `${names.length} kernels: ${names.length - never.length - changed.length} verified on a GPU as they are`,
  );
  if (changed.length > 0) console.log(`changed since a GPU ran them: ${changed.join(", ")}`);
  if (never.length > 0) console.log(`not yet run on a GPU: ${never.join(", ")}`);
  if (gone.length > 0) {
    console.error(`tests/gpu-verified.json names kernels that do not exist: ${gone.join(", ")}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
