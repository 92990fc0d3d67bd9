// `npm run gpu:pack [-- OUT]`: one bundle for a GPU host that has neither Node nor network nor this repository:
// Node, the CUDA addon, kernel_check, the built tests with their fixtures and the packages that Jest needs, and
// the benchmarks. There: `bash OUT/run.sh`, which does the check-list of docs/gpu.md and writes JSON results.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { kernels } from "./verified.mjs";

const LIMIT_MIB = 60;
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const out = resolve(process.argv[2] ?? join(root, ".gpu"));
// An emulated build stands in for the CUDA build where there is no GPU: to try the bundle itself.
const build = process.env.ATHANOR_GPU_BUILD ?? "build-cuda";

for (const path of [`${build}/Release/athanor.node`, "dist", "tests/fixtures"]) {
  if (!existsSync(join(root, path))) {
    fail(`${path} does not exist: run \`npm run build:ts && npm run build:cuda\` first`);
  }
}
// `npm run build:cuda` leaves it out, as nobody else needs it.
execFileSync("cmake", ["--build", join(root, build), "--target", "kernel_check", "--parallel", "2"], {
  stdio: ["ignore", "ignore", "inherit"],
});
mkdirSync(out, { recursive: true });
const node = packNode();
const files = packFiles();
copyFileSync(join(root, "scripts/gpu/run.sh"), join(out, "run.sh"));
chmodSync(join(out, "run.sh"), 0o755);
writeFileSync(join(out, "commit"), `${commit()}\n`);
writeFileSync(join(out, "build"), `${build}\n`);
const mib = (node + files) / 2 ** 20;
console.log(
  `gpu:pack: ${mib.toFixed(1)} MiB in ${relative(process.cwd(), out) || "."}, of at most ${LIMIT_MIB}`,
);
if (mib > LIMIT_MIB) fail(`the bundle must be at most ${LIMIT_MIB} MiB, got ${mib.toFixed(1)}`);

/** The running Node, stripped and compressed; once per version, as it takes a minute. */
function packNode() {
  const target = join(out, "node.xz");
  const stamp = `${process.version} ${process.arch} ${statSync(process.execPath).size}`;
  const stampFile = join(out, "node.stamp");
  if (!existsSync(target) || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
    const plain = join(tmpdir(), `athanor-node-${process.pid}`);
    copyFileSync(process.execPath, plain);
    try {
      execFileSync("strip", [plain]);
    } catch {
      // Only larger without.
    }
    execFileSync("sh", ["-c", 'xz -9 -T0 -c "$1" > "$2"', "-", plain, target]);
    rmSync(plain);
    writeFileSync(stampFile, stamp);
  }
  return statSync(target).size;
}

function packFiles() {
  // The host has no sources: what its results name and what they are worth is written down here.
  writeFileSync(join(root, "dist/kernels.json"), JSON.stringify(kernels()));
  const target = join(out, "files.tar.xz");
  const paths = [
    ...[`${build}/Release/athanor.node`, `${build}/kernel_check`, `${build}/engine_check`],
    ...[
      "dist",
      "tests/fixtures",
      "tests/gpu-verified.json",
      "scripts/gpu",
      "benchmarks/gpu",
      "jest.config.mjs",
      "package.json",
    ],
    ...packages(["jest", "@jest/globals", "fast-check", ...runtimeDependencies()]),
  ].filter((path) => existsSync(join(root, path)));
  const command = 'tar --create --exclude="*.map" --exclude="*.d.ts" -- "$@" | xz -6 -T0 > "$0"';
  execFileSync("sh", ["-c", command, target, ...paths], { cwd: root });
  writeFileSync(join(out, "files.sha256"), createHash("sha256").update(readFileSync(target)).digest("hex"));
  return statSync(target).size;
}

function runtimeDependencies() {
  return Object.keys(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies ?? {});
}

/** The folders of these packages and of all that they need, as Node would find them. */
function packages(names) {
  const found = new Set();
  const visit = (name, from) => {
    for (let at = from; ; at = dirname(at)) {
      const folder = join(at, "node_modules", name);
      if (existsSync(join(folder, "package.json"))) {
        if (found.has(folder)) return;
        found.add(folder);
        const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        for (const each of Object.keys(dependencies)) visit(each, folder);
        return;
      }
      if (at === root || at === dirname(at)) return; // optional, or for another platform
    }
  };
  for (const name of names) visit(name, root);
  // A package inside another's folder travels with it.
  const folders = [...found].map((folder) => relative(root, folder)).sort();
  return folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

function commit() {
  try {
    const dirty = execFileSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" }).trim();
    const hash = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
    return dirty ? `${hash} with changes` : hash;
  } catch {
    return "unknown";
  }
}

function fail(message) {
  console.error(`gpu:pack: ${message}`);
  process.exit(1);
}
