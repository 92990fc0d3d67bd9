// The rules for kernel source that a compiler does not enforce: no bare __shared__, no asm, no #if, no <<<, no
// floating-point atomicAdd (a file whose first comment says "atomicAdd" and why may have it). The words of
// native/cuda/*.h and the emulator are where the first three belong.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const words = new Set(
  ["launch.h", "copy_async.h", "mma.h", "gemm_mma.h", "exponential.h"].map((name) => `native/cuda/${name}`),
);
const rules = [
  { pattern: /\b__shared__\b/, text: "bare __shared__, needed SHARED or dynamic_shared of cuda/launch.h" },
  {
    pattern: /\basm\b/,
    text: "asm, needed a named function beside those of cuda/mma.h, with its emulated twin",
  },
  { pattern: /^\s*#\s*(if|ifdef|ifndef|elif)\b/, text: "conditional compilation in kernel source" },
  { pattern: /<<<|>>>\s*\(/, text: "<<<>>>, needed launch() of cuda/launch.h" },
  {
    pattern: /\b(cub|thrust|cooperative_groups)\s*::|#include <(cub|thrust|cooperative_groups)/,
    text: "CCCL or cooperative groups",
  },
];
const hopper = /_hopper\.(cu|h)$/;
const problems = [];
let files = 0;

for (const name of readdirSync("native", { recursive: true })) {
  const path = join("native", name).replaceAll("\\", "/");
  const device = path.endsWith(".cu") || /^native\/cuda\/[^/]+\.h$/.test(path) || /_device\.h$/.test(path);
  if (!device || path.startsWith("native/cuda/emulator/") || words.has(path)) continue;
  files++;
  const text = readFileSync(path, "utf8");
  const first = text.slice(0, text.search(/^(?!\/\/)/m));
  const emulated = /^native\/cuda\/check\/check_(emulator|faults)\.cu$/.test(path);
  text.split("\n").forEach((line, i) => {
    const code = line.replace(/\/\/.*$/, "").replaceAll(/"(\\.|[^"\\])*"/g, '""');
    for (const { pattern, text: problem } of rules) {
      // The words of sm_90a, their twins, and the guard that empties kernels for other targets stay in Hopper's files.
      const own = hopper.test(path) && (problem.startsWith("asm") || problem.startsWith("conditional"));
      const guard = emulated && problem.startsWith("conditional");
      const harness = path === "native/cuda/check/device_array.h";
      if (pattern.test(code) && !own && !guard && !harness) problems.push(`${path}:${i + 1}: ${problem}`);
    }
    const atomic = code.match(/\batomicAdd\s*\(([^;]*)/);
    if (atomic && /\d\.\d*f?\b|\bfloat\b|float>/.test(atomic[1]) && !/atomicAdd/.test(first)) {
      problems.push(
        `${path}:${i + 1}: floating-point atomicAdd: sums must not depend on the order of threads`,
      );
    }
  });
}

for (const problem of problems) console.error(problem);
console.log(`${files} files, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
