// Lists the C++ sources of one part of native/ for binding.gyp; CMakeLists.txt has the same patterns.
//   node scripts/list-sources.mjs core|binding|isa|check
import { readdirSync } from "node:fs";
import { join } from "node:path";

// What checks the engine is linked into engine_check alone.
const check = /^native\/(engine_check\.cpp|check\/|cpu\/check[^/]*\.cpp)/;

const parts = {
  core: (file) => !/^native\/(binding|cuda|cpu\/isa)\//.test(file) && !check.test(file),
  binding: (file) => file.startsWith("native/binding/"),
  isa: (file) => file.startsWith("native/cpu/isa/"),
  check: (file) => check.test(file),
};

const wanted = parts[process.argv[2]];
if (!wanted) {
  throw new Error(`list-sources: needed one of ${Object.keys(parts).join(", ")}, got ${process.argv[2]}`);
}
const files = readdirSync("native", { recursive: true }).map((file) =>
  join("native", file).replaceAll("\\", "/"),
);
for (const file of files.filter((file) => file.endsWith(".cpp") && wanted(file)).sort()) console.log(file);
