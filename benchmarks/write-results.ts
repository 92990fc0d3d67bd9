// Makes benchmarks/RESULTS.md from benchmarks/results/*.jsonl, newest first.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resultsPage } from "./report.js";

const folder = "benchmarks/results";
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => ({
    name: name.slice(0, -".jsonl".length),
    text: readFileSync(join(folder, name), "utf8"),
  }));
writeFileSync("benchmarks/RESULTS.md", resultsPage(files));
