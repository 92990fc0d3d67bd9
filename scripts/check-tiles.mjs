// Fails when a register tile keeps a sum on the stack: disassembles the tiles of the per-instruction-set
// archives and looks for vector stores to the stack inside the loops that multiply. Compilers do that when an
// accumulator array is typed or unrolled in a way that they do not see through; it costs more than half the speed.
//   node scripts/check-tiles.mjs [folder of isa_*.a, default build/Release]
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2] ?? "build/Release";
const sets = ["isa_avx2.a", "isa_avx512.a"].filter((name) => existsSync(join(folder, name)));
if (sets.length === 0) {
  console.log(`check-tiles: no isa_avx2.a or isa_avx512.a in ${folder}`);
  process.exit(process.arch === "x64" ? 1 : 0);
}

const tile = /::(tile|tile_vnni|stream)</;
const product = /^(vfmadd|vpdpbusd|vpmaddwd)/;
// AT&T syntax: the last operand is what is written.
const stackStore = /^vmov\S* .*,-?(0x)?[0-9a-f]*\(%r[sb]p[^)]*\)$/;

/** Instructions of each function: { address, text }. */
function functionsOf(archive) {
  const listing = execFileSync("objdump", ["-d", "-C", "--no-show-raw-insn", archive], {
    encoding: "utf8",
    maxBuffer: 1 << 29,
  });
  const functions = [];
  for (const line of listing.split("\n")) {
    const head = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (head) {
      functions.push({ name: head[1], code: [] });
      continue;
    }
    const instruction = /^\s*([0-9a-f]+):\t(.*)$/.exec(line);
    if (instruction && functions.length > 0) {
      const text = instruction[2].replace(/\s+/g, " ").trim();
      functions[functions.length - 1].code.push({ address: Number.parseInt(instruction[1], 16), text });
    }
  }
  // 8-bit tiles without dot-product instructions widen in registers, of which there are then too few.
  return functions.filter(({ name }) => tile.test(name) && !/::tile<.*Int8Tile/.test(name));
}

/** The shortest loop that holds at least `products` multiplications: code around it may jump back too. */
function productLoop(code, products) {
  let shortest;
  for (const { address, text } of code) {
    const jump = /^j\w+ ([0-9a-f]+)/.exec(text);
    const target = jump ? Number.parseInt(jump[1], 16) : Number.POSITIVE_INFINITY;
    if (target > address) continue;
    const loop = code.filter((i) => i.address >= target && i.address <= address);
    if (loop.filter((i) => product.test(i.text)).length < products) continue;
    if (!shortest || loop.length < shortest.length) shortest = loop;
  }
  return shortest;
}

let tiles = 0;
const problems = [];
for (const set of sets) {
  for (const { name, code } of functionsOf(join(folder, set))) {
    const [, rows, vectors] = /<(\d+), (\d+)/.exec(name);
    const loop = productLoop(code, rows * vectors);
    tiles++;
    if (!loop) {
      problems.push(`${set}: ${name}: no loop that multiplies was found`);
      continue;
    }
    const stores = loop.filter(({ text }) => stackStore.test(text));
    if (stores.length > 0)
      problems.push(`${set}: ${name}: ${stores.length} stores to the stack: ${stores[0].text}`);
  }
}
for (const problem of problems) console.error(problem);
console.log(`${tiles} register tiles, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
