// The main job, `npm start`: builds what is missing or older than its sources, then runs the intent classifier with
// the given arguments. Plain JavaScript, as it runs before anything is built.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const example = join(root, "dist", "examples", "intent-classifier.js");

/** The newest change below folders or of files, in ms; 0 when there is nothing. */
function newest(paths, wanted = () => true) {
  let time = 0;
  for (const path of paths.map((path) => join(root, path)).filter((path) => existsSync(path))) {
    const folder = statSync(path).isDirectory();
    const files = folder ? readdirSync(path, { recursive: true }).map((name) => join(path, name)) : [path];
    for (const file of files) if (!folder || wanted(file)) time = Math.max(time, statSync(file).mtimeMs);
  }
  return time;
}

function run(script, why) {
  console.log(`${why}: npm run ${script}`);
  // npm is a .cmd on Windows, which only a shell can start.
  const { status, error } = spawnSync("npm", ["run", "--silent", script], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status === 0) return;
  console.error(`npm run ${script} failed${error ? `: ${error.message}` : ""}.`);
  if (script === "build:native")
    console.error("It needs Python 3, make and a C++17 compiler (g++ 12 or clang 14).");
  process.exit(1);
}

if (!existsSync(join(root, "node_modules", "typescript"))) {
  console.error("The packages are missing. Run `npm ci` first.");
  process.exit(1);
}
const sources = newest(["src", "examples", "tsconfig.json"], (file) => file.endsWith(".ts"));
// An incremental build leaves unchanged files alone: its own record tells when it last ran.
const built = newest(["dist/examples/intent-classifier.js", "dist/.tsbuildinfo"]);
if (!existsSync(example) || built < sources)
  run("build:ts", "The TypeScript is not built, or older than its sources");

const binary = newest(["build/Release/athanor.node", "build-cuda/Release/athanor.node"]);
const nativeSources = newest(["native", "binding.gyp"], (file) => /\.(cpp|h|def|gyp)$/.test(file));
if (binary < nativeSources)
  run("build:native", "The engine is not built, or older than its sources (a few minutes)");

await import(pathToFileURL(example).href);
