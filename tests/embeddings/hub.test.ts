// A sentence model by the name of a repository: its modules lie in folders. Served by a small Hub on this machine.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { SentenceTransformer } from "../../src/embeddings/index.js";
import { hub, useHub } from "../hub/setup.js";
import { embeddingFolder } from "./support.js";

useHub();

/** All files of a folder, by their paths in it. */
function filesOf(folder: string): Record<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    entries.map(({ name, parentPath }) => {
      const file = join(parentPath, name);
      return [file.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(file)];
    }),
  );
}

test.each(["pooled", "all-modes"])("%s is fetched whole, and found in the cache", async (name) => {
  const files = filesOf(embeddingFolder(name));
  const large = Object.keys(files).filter((file) => file.endsWith(".safetensors"));
  const extra = { "README.md": Buffer.from("# model"), "onnx/model.onnx": Buffer.from("graph") };
  hub.repositories["org/sentences"] = { files: { ...files, ...extra }, large };
  const texts = ["A man is riding a horse."];
  const local = await SentenceTransformer.fromPretrained(embeddingFolder(name));
  const wanted = await local.encode(texts);
  const fetched = await SentenceTransformer.fromPretrained("org/sentences");
  expect(await fetched.encode(texts)).toEqual(wanted);
  expect(hub.requests.filter((line) => /README|onnx/.test(line))).toEqual([]);
  hub.down = 503;
  const cached = await SentenceTransformer.fromPretrained("org/sentences", { localFilesOnly: true });
  expect(await cached.encode(texts)).toEqual(wanted);
  for (const model of [local, fetched, cached]) model.dispose();
});
