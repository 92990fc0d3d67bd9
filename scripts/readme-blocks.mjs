// Runs every code block of the README: ```ts blocks as modules inside the package (so that "athanor" is this
// checkout), ```sh blocks line by line, but for those that install or run everything, which CI does by itself.
//   node scripts/readme-blocks.mjs [README.md]
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const file = process.argv[2] ?? "README.md";
const covered = ["npm ci && npm start", "npm ci && npm test"]; // run by CI as they stand
const folder = join("build", "readme");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
let count = 0;
let failed = 0;
for (const [, language, body] of readFileSync(file, "utf8").matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)) {
  if (language !== "ts" && language !== "sh") continue;
  count++;
  const fault = language === "ts" ? runModule(body, count) : runCommands(body);
  if (fault === undefined) continue;
  failed++;
  console.error(`${file}: block ${count} failed:\n${body}\n${fault}`);
}
console.log(`readme-blocks: ${count} blocks, ${failed} failed`);
process.exit(failed || count === 0 ? 1 : 0);

function runModule(body, number) {
  const source = join(folder, `block-${number}.ts`);
  writeFileSync(source, body);
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--lib",
    "es2023,esnext.disposable",
    "--types",
    "node",
  ];
  const checked = spawnSync(
    "npx",
    ["tsc", "--strict", "--skipLibCheck", ...options, "--ignoreConfig", source],
    { encoding: "utf8" },
  );
  if (checked.status !== 0) return checked.stdout + checked.stderr;
  const run = spawnSync("node", [source.replace(/\.ts$/, ".js")], { encoding: "utf8", timeout: 300_000 });
  return run.status === 0 ? undefined : run.stdout + run.stderr;
}

function runCommands(body) {
  for (const line of body.split("\n").map((text) => text.replace(/\s+#.*$/, "").trim())) {
    if (line === "" || line.startsWith("#") || covered.includes(line)) continue;
    try {
      execFileSync("bash", ["-c", line], { encoding: "utf8", stdio: "pipe", timeout: 600_000 });
    } catch (error) {
      return `${line}\n${error.stdout}${error.stderr}`;
    }
  }
  return undefined;
}
