// Live bytes are counted per process, so the steps run in one of their own.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";

const child = fileURLToPath(new URL("./soak-child.js", import.meta.url));

test("a thousand steps leave no byte and no handle more than a hundred did", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [child]);
  const seen: { step: number; bytes: number; handles: number }[] = JSON.parse(stdout);
  expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 10 }, (_, i) => 100 * (i + 1)));
  for (const { bytes, handles } of seen) {
    expect({ bytes, handles }).toEqual({ bytes: seen[0].bytes, handles: seen[0].handles });
  }
});
