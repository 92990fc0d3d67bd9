// Fails when an archive of one instruction set exports what other code could be linked to by accident. The linker
// keeps one copy of a weak symbol (an inline function, a template) for everybody: if that is the AVX-512 one, older
// processors crash. Only names of the set's own namespace may be visible, and none may be weak.
//   node scripts/check-symbols.mjs [folder of the archives, default build/Release]
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2] ?? "build/Release";
const archives = readdirSync(folder).filter((file) => /^(lib)?isa_\w+\.a$/.test(file));
const problems = [];
if (archives.length === 0) problems.push(`no archive of an instruction set in ${folder}`);

for (const archive of archives) {
  const set = /isa_(\w+)\.a$/.exec(archive)[1];
  const { stdout, stderr, status, error } = spawnSync("nm", ["-C", "-A", join(folder, archive)], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    problems.push(`nm ${archive}: ${error?.message ?? stderr}`);
    continue;
  }
  let table = false;
  for (const line of stdout.split("\n")) {
    // "archive:file.o:address type name"; undefined symbols have no address
    const [, file, type, name] = /^[^:]*:([^:]+):[0-9a-f ]{16} (\w) (.*)$/.exec(line) ?? [];
    if (!type) continue;
    if (name === `athanor::${set}::table`) table = true;
    if ("wWvVu".includes(type)) problems.push(`${archive} ${file}: weak symbol ${name}`);
    const visible = "TDRBCGS".includes(type);
    if (visible && !name.startsWith(`athanor::${set}::`)) {
      problems.push(`${archive} ${file}: ${name} is visible outside of athanor::${set}`);
    }
  }
  if (!table) problems.push(`${archive}: no athanor::${set}::table`);
}

for (const problem of problems) console.error(problem);
console.log(`${archives.length} archives, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
