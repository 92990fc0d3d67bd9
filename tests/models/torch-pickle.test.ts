// Pickles that torch.save does not write today: Python 2's dictionaries, and what was made to do harm. Written by hand
// in the format of Python's Lib/pickletools.py.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { checkpointBytes } from "../../src/models/checkpoint-bytes.js";
import { readTorchFile } from "../../src/models/torch-file.js";
import { errorOf, inFolder } from "../data/temporary.js";

const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const byte = (value: number) => `K${String.fromCharCode(value)}`;
const ORDERED = "ccollections\nOrderedDict\n";

/** A tensor of `shape` over a storage of `count` floats. */
function tensorOf(key: string, count: number, shape = [count]): string {
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text(key)}${text("cpu")}${byte(count)}NtQ`;
  const sizes = `(${shape.map(byte).join("")}t`;
  const strides = `(${shape.map(() => byte(1)).join("")}t`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${byte(0)}${sizes}${strides}\x89}tR`;
}

/** A file of the format before archives: a state dict over one storage "0". */
function sequenceOf(state: string, values: readonly number[], keys = `]${text("0")}a`): Buffer {
  const magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  const parts = [magic, "M\xe9\x03", `}${text("little_endian")}\x88s`, state, keys];
  const count = Buffer.alloc(8);
  count.writeBigInt64LE(BigInt(values.length));
  const head = Buffer.from(parts.map((part) => `\x80\x02${part}.`).join(""), "latin1");
  return Buffer.concat([head, count, Buffer.from(Float32Array.from(values).buffer)]);
}

async function read(bytes: Buffer) {
  return await inFolder(async (folder) => {
    const file = join(folder, "pytorch_model.bin");
    await writeFile(file, bytes);
    const found = await readTorchFile(file);
    return await Promise.all(
      [...found].map(async ([name, tensor]) => {
        const { buffer } = await checkpointBytes(tensor);
        return [name, ...new Float32Array(buffer as ArrayBuffer)];
      }),
    );
  });
}

test("dictionaries as Python 2 wrote them, made of a list of pairs", async () => {
  const pair = (name: string) => `](${text(name)}${tensorOf("0", 2)}ea`;
  const state = `${ORDERED}]${pair("w")}${pair("v")}\x85R`;
  expect(await read(sequenceOf(state, [1.5, -2]))).toEqual([
    ["w", 1.5, -2],
    ["v", 1.5, -2],
  ]);
});

const plain = (body: string) => Buffer.from(`\x80\x02${body}.`, "latin1");
const nested = `${"]".repeat(200_000)}${"a".repeat(199_999)}`; // deeper than JavaScript's own stack
const many = `](${"}".repeat(1000)}e`.repeat(1100);
const tar = Buffer.alloc(600);
tar.write("ustar", 257);

test.each<[string, Buffer, RegExp]>([
  ["lists in lists as the magic number", plain(nested), /magic number of torch.save, got a list of 1$/],
  ["a list of itself", plain("]q\0h\0a"), /magic number of torch.save, got a list of 1$/],
  ["lists in lists as a name", sequenceOf(`}${nested}${byte(1)}s`, []), /another value for a list of 1$/],
  ["lists in lists as a class", plain(`${nested}${text("f")}\x93`), /names of a module .* a list of 1, "f"$/],
  [
    "lists in lists as a key",
    sequenceOf("}", [], `]${nested}a`),
    /storages that tensors use, got a list of 1$/,
  ],
  ["more values than memory holds", plain(many), /needs at most 1048576 values, got more$/],
  [
    "a tensor of 65 dimensions",
    sequenceOf(tensorOf("0", 1, new Array(65).fill(1)), [1]),
    /sizes and strides from 0/,
  ],
  [
    "a storage of two sizes",
    sequenceOf(`}(${text("a")}${tensorOf("0", 3)}${text("b")}${tensorOf("0", 2)}u`, [1, 2]),
    /storage "0" must be 3 of F32 for all tensors, got 2 of F32$/,
  ],
  [
    "a dictionary of what is no pair",
    sequenceOf(`${ORDERED}]${byte(1)}a\x85R`, []),
    /made of pairs, got a list of 1/,
  ],
  ["a tar archive", tar, /got a tar archive, as before PyTorch 0\.2/],
])("refused: %s", async (_, bytes, message) => {
  const error = await errorOf(() => read(bytes));
  expect(error.code).toBe("ERR_CHECKPOINT");
  expect(error.message).toMatch(message);
});
