// The main job, `npm start`: builds what is missing or older than its sources, then runs the intent
// classifier with the given arguments. Plain JavaScript, as it runs before anything is built.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
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

function build(script, why, result) {
  console.log(`${why}: npm run ${script}`);
  // npm is a .cmd on Windows, which only a shell can start.
  const { status, error } = spawnSync("npm", ["run", "--silent", script], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status === 0) {
    // An incremental build leaves alone what did not change: mark that it is up to date.
    const now = new Date();
    if (existsSync(join(root, result))) utimesSync(join(root, result), now, now);
    return;
  }
  console.error(`npm run ${script} failed${error ? `: ${error.message}` : ""}.`);
  if (script !== "build:ts")
    console.error("It needs Python 3, make and a C++17 compiler (g++ 12 or clang 14).");
  process.exit(1);
}

if (!existsSync(join(root, "node_modules", "typescript"))) {
  console.error("The packages are missing. Run `npm ci` first.");
  process.exit(1);
}
const isScript = (file) => file.endsWith(".ts");
if (newest(["dist/examples/intent-classifier.js"]) < newest(["src", "examples", "tsconfig.json"], isScript)) {
  const why = "The TypeScript is not built, or older than its sources";
  build("build:ts", why, "dist/examples/intent-classifier.js");
}

// The loader prefers the build with CUDA where there is one.
const cuda = existsSync(join(root, "build-cuda", "Release", "athanor.node"));
const binary = `${cuda ? "build-cuda" : "build"}/Release/athanor.node`;
const isNative = (file) => /\.(cpp|h|def|cu|cuh)$/.test(file);
if (newest([binary]) < newest(["native", "binding.gyp", "CMakeLists.txt"], isNative)) {
  const why = "The engine is not built, or older than its sources (a minute or two)";
  build(cuda ? "build:cuda" : "build:native", why, binary);
}

await import(pathToFileURL(example).href);
