// Files over 400 lines need a reason in their first comment: the words "lines:" and why. Code lines end by column 110.
// Prints the lines per folder.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const most = 400;
const widest = 110;
const files = execFileSync(
  "git",
  ["ls-files", "native", "src", "tests", "benchmarks", "examples", "scripts"],
  {
    encoding: "utf8",
  },
)
  .split("\n")
  .filter((file) => /\.(ts|mjs|cpp|h|cu|cuh|py)$/.test(file));
const totals = new Map();
let faults = 0;
for (const file of files) {
  const lines = readFileSync(file, "utf8").split("\n");
  const folder = file.split("/").slice(0, 2).join("/");
  totals.set(folder, (totals.get(folder) ?? 0) + lines.length);
  if (lines.length > most && !/lines:/.test(lines.slice(0, 6).join(" "))) {
    console.error(`${file}: ${lines.length} lines, needs a reason in its first comment ("lines: why")`);
    faults++;
  }
  // Comments may run a little over; so may a line that is one long string, which no formatter cuts.
  const wide = lines.findIndex(
    (line) =>
      [...line].length > (/^\s*(\/\/|\*|#)/.test(line) ? widest + 10 : widest) &&
      !/(["'`/]).{60,}\1/.test(line),
  );
  if (wide >= 0 && !file.startsWith("tests/fixtures")) {
    console.error(`${file}:${wide + 1}: ends at column ${[...lines[wide]].length}, the most is ${widest}`);
    faults++;
  }
}
for (const [folder, lines] of [...totals].sort()) console.log(`${String(lines).padStart(7)}  ${folder}`);
process.exit(faults ? 1 : 0);
