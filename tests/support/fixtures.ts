// Reads tests/fixtures/ops: KERNEL.json lists the cases, KERNEL.safetensors holds tensors named CASE.TENSOR.
// The reader trusts its file: it is test data kept in the repository, not user input.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export type FixtureData = Float32Array | Int32Array | Uint8Array;

/** One case of a fixture file. */
export interface OpCase {
  case: string;
  /** The largest error that PyTorch makes in float32, relative to the largest element of its tensor. */
  float32Error: number;
  /** The case as it stands in the JSON file: scalars, options, shapes. */
  // biome-ignore lint/suspicious/noExplicitAny: every kernel has its own fields
  meta: any;
  /** I64 arrives as Int32Array, BOOL and U8 as Uint8Array. */
  tensors: Map<string, { shape: number[]; data: FixtureData }>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

// From dist/tests/support/ to tests/fixtures/ops/ of the repository.
const folder = new URL("../../../tests/fixtures/ops/", import.meta.url);

function decode(entry: Entry, bytes: ArrayBuffer): FixtureData {
  if (entry.dtype === "F32") return new Float32Array(bytes);
  if (entry.dtype === "I64") return Int32Array.from(new BigInt64Array(bytes), Number);
  if (entry.dtype === "I32") return new Int32Array(bytes);
  if (entry.dtype === "U8" || entry.dtype === "BOOL") return new Uint8Array(bytes);
  throw new Error(`fixtures: no reader for dtype ${entry.dtype}`);
}

/** Every case of a kernel's fixture file, in the order of the JSON file. */
export async function fixtureCases(kernel: string): Promise<OpCase[]> {
  const json = JSON.parse(await readFile(fileURLToPath(new URL(`${kernel}.json`, folder)), "utf8"));
  const file = await readFile(fileURLToPath(new URL(`${kernel}.safetensors`, folder)));
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header: Record<string, Entry> = JSON.parse(file.toString("utf8", 8, 8 + headerBytes));
  // biome-ignore lint/suspicious/noExplicitAny: as in OpCase
  return json.cases.map((meta: any): OpCase => {
    const tensors: OpCase["tensors"] = new Map();
    for (const name of Object.keys(meta.tensors)) {
      const entry = header[`${meta.case}.${name}`];
      if (!entry) throw new Error(`fixtures: ${kernel} has no tensor ${meta.case}.${name}`);
      const begin = file.byteOffset + 8 + headerBytes + entry.data_offsets[0];
      const end = file.byteOffset + 8 + headerBytes + entry.data_offsets[1];
      const bytes = file.buffer.slice(begin, end) as ArrayBuffer;
      tensors.set(name, { shape: entry.shape, data: decode(entry, bytes) });
    }
    return { case: meta.case, float32Error: meta.float32_error ?? 0, meta, tensors };
  });
}

/** Four times what float32 costs PyTorch, and at least 2e-6 (tests/fixtures/ops/ORIGIN.md). */
export function fixtureTolerance(c: OpCase): number {
  return Math.max(4 * c.float32Error, 2e-6);
}
