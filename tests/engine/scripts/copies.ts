// Two copies of the package, each with a binary of its own, in one process.
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ops, synchronize, tensor } from "../engine.js";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const chosen = process.env.ATHANOR_BINARY ?? join(root, "build", "Release", "athanor.node");
const folder = mkdtempSync(join(tmpdir(), "athanor-copy-"));
try {
  cpSync(join(root, "dist", "src"), join(folder, "dist", "src"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "build", "Release"), { recursive: true });
  copyFileSync(chosen, join(folder, "build", "Release", "athanor.node"));
  if (!existsSync(chosen)) throw new Error("no binary to copy");
  tensor([1], [1]).dispose(); // loads this one
  delete process.env.ATHANOR_BINARY; // the copy finds its own

  const copy = await import(pathToFileURL(join(folder, "dist", "src", "index.js")).href);
  const here = ops.matmul(ops.uniform([300, 300]), ops.uniform([300, 300]));
  const there = copy.ops.matmul(copy.ops.uniform([300, 300]), copy.ops.uniform([300, 300]));
  const [a, b] = await Promise.all([here.data(), there.data()]);
  const same = a.length === b.length && a.every((value: number, i: number) => value === b[i]);
  let refused = "";
  try {
    ops.add(copy.tensor([1], [1]), tensor([1], [1]));
  } catch (error) {
    refused = (error as { code: string }).code;
  }
  await Promise.all([synchronize(), copy.synchronize()]);
  console.log(same && refused === "ERR_ARGUMENT" ? "both compute" : `same: ${same}, refused: ${refused}`);
} finally {
  rmSync(folder, { recursive: true });
}
