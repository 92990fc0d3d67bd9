// Runs the code blocks of README.md, in order and in the repository's root: every ```ts and ```js block, and ```sh
// blocks below a line <!-- run -->. A line <!-- not run: reason --> above a block leaves it out. Blocks are modules
// of their own that import from "athanor"; TypeScript is type-checked as a reader's would be.
//   node scripts/readme-blocks.mjs [file]
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const file = process.argv[2] ?? "README.md";
const folder = resolve("build", "readme-blocks");

function findBlocks(text) {
  const blocks = [];
  let note = "";
  let block;
  text.split("\n").forEach((line, i) => {
    if (block) {
      if (line.trim() === "```") block = undefined;
      else block.code.push(line);
      return;
    }
    const [, language] = /^```(\w+)/.exec(line) ?? [];
    if (language) {
      block = { language, line: i + 1, note, code: [] };
      blocks.push(block);
    } else if (line.startsWith("```")) {
      block = { language: "", line: i + 1, note, code: [] };
    }
    if (line.trim()) note = /^<!-- (run|not run:.*) -->$/.exec(line.trim())?.[1] ?? "";
  });
  return blocks;
}

function wanted({ language, note }) {
  if (note.startsWith("not run")) return false;
  return language === "ts" || language === "js" || (language === "sh" && note === "run");
}

function execute(command, args) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 600_000 });
  return { ok: status === 0, text: `${stdout}${stderr}${signal ? `ended by ${signal}` : ""}` };
}

const blocks = findBlocks(readFileSync(file, "utf8")).filter(wanted);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const name = (block, extension) => join(folder, `line-${block.line}.${extension}`);
for (const block of blocks) {
  if (block.language !== "sh")
    writeFileSync(name(block, block.language), `${block.code.join("\n")}\nexport {};\n`);
}
const settings = { extends: resolve("tsconfig.json"), include: ["*.ts"], exclude: [] };
settings.compilerOptions = {
  rootDir: ".",
  outDir: ".",
  incremental: false,
  declaration: false,
  sourceMap: false,
};
settings.compilerOptions.noUnusedLocals = false;
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));

let failed = 0;
const report = (label, { ok, text }) => {
  if (!ok) failed++;
  console.log(`${ok ? "ok    " : "FAILED"} ${label}`);
  if (!ok) console.log(text);
};
if (blocks.some((block) => block.language === "ts")) {
  const compiler = resolve("node_modules", "typescript", "bin", "tsc");
  report("type check", execute(process.execPath, [compiler, "-p", folder]));
}
for (const block of blocks) {
  const began = performance.now();
  const result =
    block.language === "sh"
      ? execute("bash", ["-e", "-c", block.code.join("\n")])
      : execute(process.execPath, [name(block, "js")]);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  report(`${file}:${block.line} (${block.language}, ${seconds} s)`, result);
}
console.log(`${blocks.length} blocks, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
