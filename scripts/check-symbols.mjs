// Code compiled for one instruction set must export no weak symbol but what is named here: the linker keeps one copy
// of an inline function for everybody, and if that is the AVX-512 one, older processors crash.
//   node scripts/check-symbols.mjs [folder of the archives]
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2] ?? "build/Release";
// Thin archives of node-gyp name object files relative to the folder of the archive.
const places = [folder, join(folder, "obj.target")].filter((place) => existsSync(place));
const archives = places.flatMap((place) =>
  readdirSync(place)
    .filter((file) => /^(lib)?isa_\w+\.a$/.test(file))
    .map((file) => join(place, file)),
);
if (archives.length === 0) {
  console.error(`check-symbols: no isa_*.a in ${places.join(", ") || folder}`);
  process.exit(1);
}
let failed = false;
for (const archive of archives) {
  const output = execFileSync("nm", ["--defined-only", archive], { encoding: "utf8", maxBuffer: 1 << 26 });
  const weak = output.split("\n").filter((line) => /^[0-9a-f]+ [VWu] /.test(line));
  for (const line of weak) console.error(`${archive}: weak symbol ${line.slice(17)}`);
  if (weak.length > 0) failed = true;
}
console.log(
  `check-symbols: ${archives.length} archives ${failed ? "with weak symbols" : "without weak symbols"}`,
);
process.exit(failed ? 1 : 0);
