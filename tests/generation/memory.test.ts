// Whatever generates leaves no byte behind: counted in processes of their own.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";

const child = fileURLToPath(new URL("./memory-child.js", import.meta.url));

test.each([
  ["gpt2", 40],
  ["t5", 40],
  ["bart", 40],
  ["marian", 40],
  ["parts", 2],
])("%s", async (name, least) => {
  const { stdout } = await promisify(execFile)(process.execPath, [child, name]);
  const { before, after } = JSON.parse(stdout) as { before: number; after: [string, number][] };
  expect(after.length).toBeGreaterThanOrEqual(least);
  expect(after.filter(([, bytes]) => bytes !== before)).toEqual([]);
});
