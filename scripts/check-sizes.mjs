// Files of our own have at most 400 lines; a longer one says why in its first comment ("Long because ..."), and
// no line of C++ is longer than 110 columns.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folders = ["native", "src", "tests", "scripts", "benchmarks", "examples", ".ci"];
const kinds = /(\.(h|cpp|cu|cuh|def|ts|mjs|js|py)|^run)$/;
const most = 400;
const problems = [];
let files = 0;

for (const folder of folders) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (!entry.isFile() || !kinds.test(entry.name) || /node_modules|tests\/fixtures/.test(path)) continue;
    files++;
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const firstComment = lines.slice(0, 12).join("\n");
    if (lines.length > most && !/long because/i.test(firstComment)) {
      problems.push(
        `${path}: ${lines.length} lines, needed at most ${most} or "Long because ..." at its top`,
      );
    }
    if (!/\.(h|cpp|cu|cuh)$/.test(entry.name)) continue;
    lines.forEach((line, i) => {
      if (line.length > 110) problems.push(`${path}:${i + 1}: ${line.length} columns, needed at most 110`);
    });
  }
}

for (const problem of problems) console.error(problem);
console.log(`${files} files, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
