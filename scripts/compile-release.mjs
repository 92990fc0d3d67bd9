// Compiles every CUDA source for all architectures of a release, as the published binary has them, and says what each
// file costs in seconds and bytes:
//
//   node scripts/compile-release.mjs [FILE.cu...]
//
// Objects of unchanged sources are kept in build-registers. Hopper's own files are compiled for sm_90a alone. Needs
// nvcc, not a GPU. The last line is "N passed, N failed", files.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { includesOf } from "./kernels/sources.mjs";

const execute = promisify(execFile);
const kept = "build-registers";
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

const sources = readdirSync("native", { recursive: true })
  .map((path) => join("native", path))
  .filter((path) => path.endsWith(".cu") && !path.startsWith("native/cuda/check/"))
  .sort();
const wanted = process.argv.length > 2 ? process.argv.slice(2) : sources;
mkdirSync(kept, { recursive: true });
let failed = 0;
let seconds = 0;
let bytes = 0;
for (const path of wanted) {
  const targets = path.endsWith("_hopper.cu") ? [binary("90a")] : release;
  const object = join(kept, `${hashOf(path, targets)}.o`);
  const began = performance.now();
  const before = existsSync(object);
  try {
    if (!before) {
      await execute("nvcc", [...flags, ...targets, "-c", path, "-o", `${object}.new`], {
        maxBuffer: 1 << 28,
      });
      renameSync(`${object}.new`, object);
    }
  } catch (error) {
    rmSync(`${object}.new`, { force: true });
    console.log(`FAILED ${path}\n${error.stdout}${error.stderr}`);
    failed++;
    continue;
  }
  const took = (performance.now() - began) / 1000;
  const size = statSync(object).size;
  seconds += took;
  bytes += size;
  console.log(
    `${before ? "  kept" : took.toFixed(1).padStart(6)} s ${(size / 1024).toFixed(0).padStart(6)} KiB  ${path}`,
  );
}
console.log(`${seconds.toFixed(0)} s, ${(bytes / 1024).toFixed(0)} KiB`);
console.log(`${wanted.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && wanted.length > 0 ? 0 : 1;

function hashOf(path, targets) {
  const hash = createHash("sha256").update(JSON.stringify([flags, targets]));
  for (const file of [path, ...includesOf(path)].sort()) hash.update(file).update(readFileSync(file, "utf8"));
  return hash.digest("hex").slice(0, 32);
}
