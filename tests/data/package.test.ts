// The sub-path athanor/data by itself, and what src/data, src/hub and src/tokenizers may import.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("../../../", import.meta.url));

test.each([
  [
    "data",
    /^(\.\.\/errors\.js|\.\.\/hub\/index\.js|node:[a-z/_0-9]+|csv-parse|hyparquet|hyparquet-compressors)$/,
  ],
  ["hub", /^(\.\.\/errors\.js|node:[a-z/]+|@huggingface\/hub)$/],
  ["tokenizers", /^((\.\.\/)+(errors|hub\/index)\.js|node:[a-z/_]+)$/],
])("src/%s imports nothing of the engine", (name, allowed) => {
  const folder = join(root, "src", name);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) {
    const source = readFileSync(join(folder, file), "utf8");
    for (const [, from] of source.matchAll(/(?:^(?:import|export)[^;]*? from |import\()"([^"]+)"/gms)) {
      const inside = from.startsWith(".") && !from.includes("errors.js") && !from.includes("hub/");
      const within = inside && join(name, file, "..", from).startsWith(`${name}/`);
      if (!within) expect([file, from]).toEqual([file, expect.stringMatching(allowed)]);
    }
  }
});

test.each([
  ["import", 'import("athanor/data").then((m) => console.log(m.shuffle([1], 0)[0]))'],
  ["require", 'console.log(require("athanor/data").shuffle([1], 0)[0])'],
])("athanor/data loads by its name, %s, without the addon", (_, code) => {
  const watched = `process.dlopen = () => { throw new Error("no addon"); }; ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", watched], { cwd: root, encoding: "utf8" });
  expect({ stdout, failed: /Error/.test(stderr) }).toEqual({ stdout: "1\n", failed: false });
});
