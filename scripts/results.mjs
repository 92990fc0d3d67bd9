// Makes benchmarks/RESULTS.md from the JSON lines in benchmarks/results/*.jsonl, newest first.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = "benchmarks/results";
const shown = (value) =>
  (typeof value === "object" ? JSON.stringify(value) : String(value)).replaceAll("|", "\\|");
const sections = readdirSync(folder)
  .filter((file) => file.endsWith(".jsonl"))
  .sort()
  .reverse()
  .map((file) => {
    const rows = readFileSync(join(folder, file), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const lines = rows.map((row) => {
      const { benchmark, op, ...rest } = row;
      return `- **${benchmark ?? op}**: ${Object.entries(rest)
        .map(([key, value]) => `${key} ${shown(value)}`)
        .join(", ")}`;
    });
    return `## ${file.replace(/\.jsonl$/, "")}\n\n${lines.join("\n")}\n`;
  });
writeFileSync(
  "benchmarks/RESULTS.md",
  `# Results\n\nMade by \`node scripts/results.mjs\` from \`results/\`.\n\n${sections.join("\n")}`,
);
