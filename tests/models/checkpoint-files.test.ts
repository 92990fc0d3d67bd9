// resolveCheckpoint: single files, shards, and indices that lie. writeFileAtomic.
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { writeFileAtomic } from "../../src/models/atomic-file.js";
import { resolveCheckpoint } from "../../src/models/checkpoint-files.js";
import { readSafetensors, writeSafetensors } from "../../src/models/safetensors.js";
import { errorOf, inFolder } from "../data/temporary.js";

const INDEX = "model.safetensors.index.json";
const onUnix = process.platform === "win32" ? test.skip : test;

const writeShard = (file: string, names: string[]) =>
  writeSafetensors(
    file,
    names.map((name) => ({ name, dtype: "F32", shape: [1], data: () => new Float32Array([names.length]) })),
  );

/** A folder with shard one (a, b), shard two (c) and an index, which may be given as text. */
async function sharded<T>(
  index: object | string,
  use: (folder: string, outside: string) => Promise<T>,
): Promise<T> {
  return await inFolder(async (outside) => {
    const folder = join(outside, "model");
    await mkdir(folder);
    await writeShard(join(folder, "one.safetensors"), ["a", "b"]);
    await writeShard(join(folder, "two.safetensors"), ["c"]);
    await writeShard(join(outside, "secret.safetensors"), ["c"]);
    await writeFile(
      join(folder, INDEX),
      typeof index === "string" ? index : JSON.stringify({ weight_map: index }),
    );
    return await use(folder, outside);
  });
}

const good = { a: "one.safetensors", b: "one.safetensors", c: "two.safetensors" };

describe("resolveCheckpoint", () => {
  test("one file", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "model.safetensors");
      await writeShard(file, ["a", "__proto__"]);
      const tensors = await resolveCheckpoint(folder);
      expect([...tensors.keys()].sort()).toEqual(["__proto__", "a"]);
      expect(tensors.get("a")).toMatchObject({ file, dtype: "F32", shape: [1] });
    });
  });

  test("shards: every tensor in its file, at the place its header says", async () => {
    await sharded(good, async (folder) => {
      const tensors = await resolveCheckpoint(folder);
      expect([...tensors].map(([name, { file }]) => [name, file])).toEqual([
        ["a", join(folder, "one.safetensors")],
        ["b", join(folder, "one.safetensors")],
        ["c", join(folder, "two.safetensors")],
      ]);
      for (const { file, begin, end } of tensors.values()) {
        const count = (await readSafetensors(file)).size;
        expect((await readFile(file)).subarray(begin, end).readFloatLE()).toBe(count);
      }
    });
  });

  test("model.safetensors goes before an index; tensors that the index leaves out are left out", async () => {
    await sharded({ c: "two.safetensors", a: "one.safetensors" }, async (folder) => {
      expect([...(await resolveCheckpoint(folder)).keys()]).toEqual(["c", "a"]);
      await writeShard(join(folder, "model.safetensors"), ["x"]);
      expect([...(await resolveCheckpoint(folder)).keys()]).toEqual(["x"]);
    });
  });

  const plain = "needs a plain file name ending in .safetensors, got";
  const hostile: [string, object | string, string][] = [
    ["a path upwards", { c: "../secret.safetensors" }, `tensor "c" ${plain} "../secret.safetensors"`],
    ["a path into a folder", { c: "sub/two.safetensors" }, plain],
    ["an absolute path", { c: "/etc/secret.safetensors" }, plain],
    ["a Windows path", { c: "..\\secret.safetensors" }, plain],
    ["a drive", { c: "C:secret.safetensors" }, plain],
    ["a NUL", { c: "two\0.safetensors" }, plain],
    ["another kind of file", { c: "config.json" }, plain],
    ["dots", { c: ".." }, plain],
    ["no text", { c: 3 }, `${plain} 3`],
    [
      "a missing shard",
      { ...good, d: "three.safetensors" },
      "needs the shard three.safetensors, got no such file",
    ],
    [
      "a tensor that is nowhere",
      { ...good, d: "two.safetensors" },
      'tensor "d" must be in two.safetensors, got it nowhere',
    ],
    [
      "a tensor in the other shard",
      { ...good, b: "two.safetensors" },
      'tensor "b" must be in two.safetensors, got it in one',
    ],
    [
      "__proto__ that is nowhere",
      '{"weight_map":{"__proto__":"two.safetensors"}}',
      'tensor "__proto__" must be in two',
    ],
    ["a tensor twice", '{"weight_map":{"c":"two.safetensors","c":"one.safetensors"}}', '"c" appears twice'],
    ["no weight_map", "{}", 'needs an object "weight_map", got none'],
    ["an empty weight_map", {}, 'needs an object "weight_map", got an empty one'],
    ["a list", '{"weight_map":[]}', 'needs an object "weight_map", got object'],
    ["no JSON", "weights", "needs a JSON object in UTF-8, needs {"],
    ["nothing", "", "needs a JSON object in UTF-8, needs {, got the end of the text"],
    ["deep nesting", `{"metadata":${'{"a":'.repeat(100_000)}`, "needs at most 32 levels of nesting"],
  ];
  test.each(hostile)("%s", async (_name, index, message) => {
    const error = await errorOf(() => sharded(index, resolveCheckpoint));
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain(INDEX);
    expect(error.message).toContain(message);
  });

  test("a tensor in two shards", async () => {
    const error = await errorOf(() =>
      sharded(good, async (folder) => {
        await writeShard(join(folder, "two.safetensors"), ["b", "c"]);
        await resolveCheckpoint(folder);
      }),
    );
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain(
      'tensor "b" must be in one shard, got it in one.safetensors and two.safetensors',
    );
  });

  test("a broken shard names itself", async () => {
    const error = await errorOf(() =>
      sharded(good, async (folder) => {
        await writeFile(join(folder, "two.safetensors"), "short");
        await resolveCheckpoint(folder);
      }),
    );
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain("two.safetensors: needs 8 bytes of header length");
  });

  onUnix("links: out of the folder refused, within it and into the cache's blobs followed", async () => {
    await sharded({ c: "link.safetensors" }, async (folder, outside) => {
      await symlink("../secret.safetensors", join(folder, "link.safetensors"));
      const error = await errorOf(() => resolveCheckpoint(folder));
      expect(error.code).toBe("ERR_CHECKPOINT");
      expect(error.message).toContain("needs shards inside the folder, got link.safetensors linked to");
      // A link to the folder itself is no way out.
      await symlink(folder, join(outside, "alias"));
      expect((await errorOf(() => resolveCheckpoint(join(outside, "alias")))).code).toBe("ERR_CHECKPOINT");
    });
    await sharded({ c: "link.safetensors" }, async (folder) => {
      await symlink("two.safetensors", join(folder, "link.safetensors"));
      expect((await resolveCheckpoint(folder)).size).toBe(1);
    });
    await inFolder(async (cache) => {
      const folder = join(cache, "snapshots", "abc");
      await mkdir(folder, { recursive: true });
      await mkdir(join(cache, "blobs"));
      await writeShard(join(cache, "blobs", "1234"), ["c"]);
      await symlink("../../blobs/1234", join(folder, "s.safetensors"));
      await writeFile(join(folder, INDEX), JSON.stringify({ weight_map: { c: "s.safetensors" } }));
      expect((await resolveCheckpoint(folder)).size).toBe(1);
    });
  });

  test("no checkpoint: the message lists what there is", async () => {
    await inFolder(async (folder) => {
      const empty = await errorOf(() => resolveCheckpoint(folder));
      expect(empty.code).toBe("ERR_CHECKPOINT");
      const pickled = "pytorch_model.bin or pytorch_model.bin.index.json";
      expect(empty.message).toBe(
        `${folder}: needs model.safetensors or ${INDEX} or ${pickled}, got an empty folder`,
      );
      await writeFile(join(folder, "tf_model.h5"), "");
      await writeFile(join(folder, "config.json"), "{}");
      const old = await errorOf(() => resolveCheckpoint(folder));
      expect(old.code).toBe("ERR_CHECKPOINT");
      expect(old.message).toContain("got config.json, tf_model.h5");
      const missing = await errorOf(() => resolveCheckpoint(join(folder, "none")));
      expect(missing.code).toBe("ERR_CHECKPOINT");
      expect(missing.message).toContain("none: needs a model folder, got no such folder");
      const file = await errorOf(() => resolveCheckpoint(join(folder, "config.json")));
      expect(file).toEqual({ code: "ERR_CHECKPOINT", message: expect.stringContaining("got a file") });
    });
  });
});

describe("writeFileAtomic", () => {
  test("replaces a file and leaves nothing else", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "config.json");
      await writeFileAtomic(file, '{"a":"é"}');
      await writeFileAtomic(file, '{"b":1}');
      expect(await readFile(file, "utf8")).toBe('{"b":1}');
      expect(await readdir(folder)).toEqual(["config.json"]);
    });
  });

  test("a target that cannot be replaced: coded, and no temporary file stays", async () => {
    await inFolder(async (folder) => {
      await mkdir(join(folder, "config.json", "sub"), { recursive: true });
      const error = await errorOf(() => writeFileAtomic(join(folder, "config.json"), "{}"));
      expect(error.code).toBe("ERR_CHECKPOINT");
      expect(error.message).toContain("config.json: needs a file that can be written, got");
      expect(await readdir(folder)).toEqual(["config.json"]);
    });
  });

  test("ten writers at once leave one whole file", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "config.json");
      const texts = Array.from({ length: 10 }, (_, i) => String(i).repeat(10_000));
      await Promise.all(texts.map((text) => writeFileAtomic(file, text)));
      expect(texts).toContain(await readFile(file, "utf8"));
      expect(await readdir(folder)).toEqual(["config.json"]);
    });
  });
});
