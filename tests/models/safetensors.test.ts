// The safetensors format against files of the reference library (safetensors 0.8.0), and hostile files.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsSource,
  writeSafetensors,
} from "../../src/models/safetensors.js";
import { errorOf, inFolder, withFile } from "../data/temporary.js";

const fixtures = new URL("../../../tests/fixtures/safetensors/", import.meta.url);
const fixture = fileURLToPath(new URL("types.safetensors", fixtures));

/** A file made of a header, as text or as what JSON makes of it, and data. */
function fileOf(header: string | object, dataBytes = 0, length?: number | bigint): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([size, text, Buffer.alloc(dataBytes)]);
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("files of the reference library", () => {
  test("every type arrives with PyTorch's values", async () => {
    const expected: Record<string, { shape: number[]; values: string[] }> = JSON.parse(
      await readFile(new URL("types.json", fixtures), "utf8"),
    );
    const tensors = await readSafetensors(fixture);
    expect([...tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, values }] of Object.entries(expected)) {
      const { data, shape: came } = tensors.get(name)!;
      expect(ArrayBuffer.isView(data)).toBe(true);
      expect([name, came]).toEqual([name, shape]);
      const numbers = typeof data[0] === "bigint" ? values.map(BigInt) : values.map(Number);
      expect([name, [...data]]).toEqual([name, numbers]);
    }
  });

  test("read and written again, in another order, they are the same bytes", async () => {
    const original = await readFile(fixture);
    const { tensors, metadata } = await readSafetensorsHeader(fixture);
    expect([...metadata]).toEqual([["format", "pt"]]);
    const sources = [...tensors.values()].reverse().map(
      ({ name, dtype, shape, begin, end }): SafetensorsSource => ({
        name,
        dtype,
        shape,
        data: async () => original.subarray(begin, end),
      }),
    );
    await inFolder(async (folder) => {
      const copy = join(folder, "copy.safetensors");
      await writeSafetensors(copy, sources);
      expect((await readFile(copy)).equals(original)).toBe(true);
    });
  });
});

describe("readSafetensorsHeader", () => {
  test("positions count from the start of the file; order is that of the bytes", async () => {
    const header = {
      b: f32([2], 4, 12),
      a: f32([], 0, 4),
      none: f32([0, 3], 12, 12),
      __metadata__: { k: "v" },
    };
    await withFile("m.safetensors", fileOf(header, 12), async (file) => {
      const { tensors, metadata } = await readSafetensorsHeader(file);
      const data = 8 + JSON.stringify(header).length;
      expect([...tensors.keys()]).toEqual(["a", "b", "none"]);
      expect(tensors.get("b")).toEqual({
        name: "b",
        dtype: "F32",
        shape: [2],
        begin: data + 4,
        end: data + 12,
      });
      expect(metadata.get("k")).toBe("v");
    });
  });

  test("no name is special, and a file without tensors is one", async () => {
    const header =
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8",'.concat(
        '"shape":[1],"data_offsets":[1,2]},"__metadata__":{"__proto__":"x"}}   ',
      );
    await withFile("m.safetensors", fileOf(header, 2), async (file) => {
      const { tensors, metadata } = await readSafetensorsHeader(file);
      expect([...tensors.keys()]).toEqual(["__proto__", "constructor"]);
      expect([...metadata]).toEqual([["__proto__", "x"]]);
    });
    await withFile("m.safetensors", fileOf("{}"), async (file) => {
      expect((await readSafetensorsHeader(file)).tensors.size).toBe(0);
    });
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  const huge = 2n ** 63n;
  const hostile: [string, Buffer, string][] = [
    ["an empty file", Buffer.alloc(0), "needs 8 bytes of header length, got a file of 0 bytes"],
    ["a file of 7 bytes", Buffer.alloc(7), "needs 8 bytes of header length, got a file of 7 bytes"],
    ["a header beyond the limit", fileOf("{}", 0, 100_000_001), "at most 100000000 bytes, got 100000001"],
    ["a header length of 2^63", fileOf("{}", 0, huge), `at most 100000000 bytes, got ${huge}`],
    [
      "a header longer than the file",
      fileOf("{}", 0, 1000),
      "needs a header of 1000 bytes, got a file with room for 2",
    ],
    ["a header of length 0", fileOf(""), "needs a header that begins with {, got an empty header"],
    ["a header that begins with a space", fileOf(" {}"), "needs a header that begins with {, got byte 32"],
    ["a pickle", fileOf("\x80\x02}"), "needs a header that begins with {"],
    [
      "no UTF-8",
      Buffer.concat([fileOf("{\xff", 0, 2).subarray(0, 9), Buffer.from([0xff])]),
      "needs a header in UTF-8",
    ],
    ["no JSON", fileOf("{hello}"), 'needs a name in quotes, got "h" at character 1'],
    ["a cut header", fileOf('{"a":{"dtype":"F32"'), "needs }, got the end of the text"],
    ["something behind the object", fileOf("{} {}"), "needs nothing after the outermost object"],
    ["a trailing comma", fileOf('{"a":[1,]}'), "needs a value"],
    ["a wrong escape", fileOf('{"\\x":1}'), "needs a string with valid escapes"],
    ["a raw line end in a name", fileOf('{"a\nb":1}'), "needs a string with valid escapes"],
    ["an open string", fileOf('{"a'), "needs a closing quote"],
    ["a backslash at the end", fileOf('{"a\\'), "needs a closing quote"],
    ["half a character", fileOf('{"\\ud800":1}'), "needs a string with valid escapes"],
    ["deep nesting", fileOf(`{"a":${"[".repeat(1_000_000)}`), "needs at most 32 levels of nesting"],
    ["deep objects", fileOf('{"a":'.repeat(200_000)), "needs at most 32 levels of nesting"],
    [
      "a name twice",
      fileOf('{"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"\\u0077":1}', 1),
      '"w" appears twice',
    ],
    [
      "__proto__ twice",
      fileOf('{"__proto__":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"__proto__":{}}', 1),
      '"__proto__" appears twice',
    ],
    ["a field twice", fileOf('{"w":{"dtype":"U8","dtype":"F32"}}'), '"dtype" appears twice'],
    ["metadata that is no object", fileOf({ __metadata__: [1] }), "__metadata__ must be an object, got [1]"],
    [
      "metadata that is no text",
      fileOf({ __metadata__: { a: 1 } }),
      '__metadata__ "a" must be a string, got 1',
    ],
    ["a tensor that is no object", fileOf({ w: 3 }), 'tensor "w": must be an object, got 3'],
    [
      "no dtype",
      fileOf({ w: { shape: [], data_offsets: [0, 4] } }, 4),
      'tensor "w": dtype must be one of BOOL',
    ],
    ["an unknown dtype", fileOf({ w: { ...f32([1], 0, 4), dtype: "F31" } }, 4), 'got "F31"'],
    [
      "a dtype from the prototype",
      fileOf({ w: { ...f32([1], 0, 4), dtype: "constructor" } }, 4),
      'got "constructor"',
    ],
    [
      "no shape",
      fileOf({ w: { dtype: "F32", data_offsets: [0, 4] } }, 4),
      'tensor "w": shape must be a list',
    ],
    ["a negative size", fileOf({ w: f32([-1], 0, 4) }, 4), "non-negative integers, got [-1]"],
    ["a fraction", fileOf({ w: f32([1.5], 0, 4) }, 4), "non-negative integers, got [1.5]"],
    ["a size of text", fileOf({ w: f32(["1"], 0, 4) }, 4), 'non-negative integers, got ["1"]'],
    [
      "a size beyond exact integers",
      fileOf('{"w":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
      "shape must be a list",
    ],
    [
      "a product that overflows",
      fileOf({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      "must have a countable size",
    ],
    ["the same, then zero", fileOf({ w: f32([2 ** 40, 2 ** 40, 0], 0, 0) }), "must have a countable size"],
    [
      "no offsets",
      fileOf({ w: { dtype: "F32", shape: [1] } }, 4),
      "data_offsets must be two non-negative integers, got none",
    ],
    ["three offsets", fileOf({ w: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, 8), "got [0,4,8]"],
    [
      "a negative offset",
      fileOf({ w: f32([1], -4, 0) }, 4),
      "data_offsets must be two non-negative integers, got [-4,0]",
    ],
    [
      "offsets in the wrong order",
      fileOf({ w: f32([1], 4, 0) }, 4),
      "data_offsets must be in order, got [4, 0]",
    ],
    [
      "a range past the end",
      fileOf({ w: f32([2], 0, 8) }, 4),
      "must lie within the file's 4 data bytes, got [0, 8]",
    ],
    [
      "a range far past the end",
      fileOf({ w: f32([2], 0, 2 ** 52) }, 8),
      "must lie within the file's 8 data bytes",
    ],
    [
      "a range of the wrong length",
      fileOf({ w: f32([2], 0, 4) }, 4),
      'tensor "w": F32 [2] needs 8 bytes, got 4',
    ],
    [
      "overlapping ranges",
      fileOf({ v: f32([2], 0, 8), w: f32([2], 4, 12) }, 12),
      'tensor "w": needs to begin at 8, overlaps',
    ],
    [
      "the same range twice",
      fileOf({ v: f32([1], 0, 4), w: f32([1], 0, 4) }, 4),
      'tensor "w": needs to begin at 4, overlaps',
    ],
    [
      "a hole",
      fileOf({ v: f32([1], 0, 4), w: f32([1], 8, 12) }, 12),
      'tensor "w": needs to begin at 4, leaves a hole',
    ],
    [
      "a hole at the start",
      fileOf({ w: f32([1], 4, 8) }, 8),
      'tensor "w": needs to begin at 0, leaves a hole',
    ],
    ["bytes after the last tensor", fileOf({ w: f32([1], 0, 4) }, 6), "got 2 bytes that belong to none"],
  ];
  test.each(hostile)("%s", async (_name, content, message) => {
    const error = await errorOf(() => withFile("m.safetensors", content, readSafetensorsHeader));
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain("m.safetensors");
    expect(error.message).toContain(message);
  });

  test("every truncation of a good file is refused", async () => {
    const good = await readFile(fixture);
    for (let size = 0; size < good.length; size += 7) {
      const error = await errorOf(() =>
        withFile("m.safetensors", good.subarray(0, size), readSafetensorsHeader),
      );
      expect([size, error.code]).toEqual([size, "ERR_CHECKPOINT"]);
    }
  });

  test("a missing file, a directory", async () => {
    await inFolder(async (folder) => {
      const missing = await errorOf(() => readSafetensorsHeader(join(folder, "none.safetensors")));
      expect(missing.code).toBe("ERR_CHECKPOINT");
      expect(missing.message).toContain("none.safetensors: needs a readable file, got no such file");
      expect((await errorOf(() => readSafetensorsHeader(folder))).code).toBe("ERR_CHECKPOINT");
    });
  });

  test("a name too long for a message is cut", async () => {
    const error = await errorOf(() =>
      withFile("m.safetensors", fileOf({ ["x".repeat(10_000)]: 1 }), readSafetensorsHeader),
    );
    expect(error.message.length).toBeLessThan(400);
  });
});

describe("readSafetensors", () => {
  test("types without a typed array are named", async () => {
    const content = fileOf({ w: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, 1);
    const error = await errorOf(() => withFile("m.safetensors", content, readSafetensors));
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain('tensor "w": dtype must be one of BOOL');
    expect(error.message).toContain("got F8_E4M3");
  });
});

describe("writeSafetensors", () => {
  const source = (name: string, more: object = {}): SafetensorsSource => ({
    name,
    dtype: "F32",
    shape: [2],
    data: () => new Float32Array([1, 2]),
    ...more,
  });

  test("wide types first, then names in UTF-8 order; padded with spaces; one tensor at a time", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "m.safetensors");
      const asked: string[] = [];
      const data = (name: string, bytes: number) => () => {
        asked.push(name);
        return new Uint8Array(bytes);
      };
      await writeSafetensors(
        file,
        [
          source("\u{1F600}", { shape: [], data: data("emoji", 4) }),
          source("\uFFFD", { shape: [], data: data("sign", 4) }),
          source("10", { shape: [], data: data("10", 4) }),
          source("9", { shape: [], data: data("9", 4) }),
          source("u8", { dtype: "U8", shape: [3], data: data("u8", 3) }),
          source("i64", { dtype: "I64", shape: [0], data: data("i64", 0) }),
        ],
        { b: "2", a: '"1"' },
      );
      expect(asked).toEqual(["i64", "10", "9", "sign", "emoji", "u8"]);
      const bytes = await readFile(file);
      const length = Number(bytes.readBigUInt64LE());
      expect(length % 8).toBe(0);
      expect(bytes.toString("utf8", 8, 8 + length)).toMatch(
        /^\{"__metadata__":\{"a":"\\"1\\"","b":"2"\},"i64":.*\} *$/,
      );
      expect([...(await readSafetensors(file)).keys()]).toEqual([
        "i64",
        "10",
        "9",
        "\uFFFD",
        "\u{1F600}",
        "u8",
      ]);
    });
  });

  test("views into larger buffers, empty files, no metadata", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "m.safetensors");
      const view = new Float32Array([0, 1, 2, 3]).subarray(1, 3);
      await writeSafetensors(file, [source("w", { data: () => view })], {});
      expect([...(await readSafetensors(file)).get("w")!.data]).toEqual([1, 2]);
      expect((await readSafetensorsHeader(file)).metadata.size).toBe(0);
      await writeSafetensors(file, []);
      expect((await readSafetensors(file)).size).toBe(0);
    });
  });

  const faults: [string, unknown[], string, object][] = [
    ["a name twice", [source("w"), source("w")], 'tensor "w": needs a name of its own, got it twice', {}],
    ["a reserved name", [source("__metadata__")], "needs a name in Unicode other than __metadata__", {}],
    ["no name", [source(3 as never)], "tensor 3: needs a name in Unicode", {}],
    ["half a character", [source("\ud800")], "needs a name in Unicode", {}],
    ["an unknown type", [source("w", { dtype: "f32" })], 'tensor "w": dtype must be one of BOOL', {}],
    [
      "a wrong shape",
      [source("w", { shape: [-1] })],
      "shape must be non-negative integers of countable product",
      {},
    ],
    ["too few bytes", [source("w", { shape: [3] })], 'tensor "w": F32 [3] needs 12 bytes, got 8', {}],
    ["no bytes", [source("w", { data: () => [1, 2] })], 'tensor "w": F32 [2] needs 8 bytes, got 1,2', {}],
    ["wrong metadata", [], "metadata a must be a string, got number", { a: 1 }],
  ];
  test.each(faults)(
    "%s: the old file stays, nothing else is left",
    async (_name, sources, message, metadata) => {
      await inFolder(async (folder) => {
        const file = join(folder, "m.safetensors");
        await writeFile(file, "old");
        const error = await errorOf(() =>
          writeSafetensors(file, sources as SafetensorsSource[], metadata as never),
        );
        expect(error).toEqual({ code: "ERR_CHECKPOINT", message: expect.stringContaining(message) });
        expect(error.message).toContain("m.safetensors");
        expect(await readFile(file, "utf8")).toBe("old");
        expect(await readdir(folder)).toEqual(["m.safetensors"]);
      });
    },
  );

  test("an error of the caller's data arrives as it is, and leaves nothing behind", async () => {
    await inFolder(async (folder) => {
      const broken = source("w", { data: () => Promise.reject(new Error("device lost")) });
      const work = writeSafetensors(join(folder, "m.safetensors"), [source("a"), broken]);
      await expect(work).rejects.toThrow("device lost");
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test("a folder that is not there", async () => {
    const error = await errorOf(() =>
      inFolder((folder) => writeSafetensors(join(folder, "none", "m.safetensors"), [source("w")])),
    );
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toContain("m.safetensors: needs a file that can be written, got ENOENT from open");
  });
});
