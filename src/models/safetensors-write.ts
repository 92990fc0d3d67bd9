// Writes safetensors files, byte for byte as the reference library does: tensors sorted by type (the widest
// first, so that each lies aligned) and then by name, a compact header padded with spaces to 8 bytes.

import { AthanorError } from "../errors.js";
import { writeAtomically } from "./atomic-file.js";
import { DTYPE_BYTES, isShape, type SafetensorsDType, tensorBytes } from "./safetensors-dtype.js";

/** A tensor to be written; `data` is asked for when its turn comes, and its bytes are not kept. */
export interface SafetensorsSource {
  name: string;
  dtype: SafetensorsDType;
  shape: readonly number[];
  /** The elements in row-major order, little-endian; any view of exactly that many bytes. */
  data: () => ArrayBufferView | Promise<ArrayBufferView>;
}

const ORDER = [...DTYPE_BYTES.keys()];

/**
 * Writes a safetensors file, one tensor at a time, to a temporary file that then takes the place of `file`:
 * when anything fails the old file is untouched and the temporary one is gone. The same tensors give the same
 * bytes, in whatever order they come.
 *
 * Rejects with ERR_CHECKPOINT for names that appear twice or are reserved, unknown types, wrong shapes,
 * data of another length, and errors of the file system; errors of `data()` arrive as they are.
 *
 * @example
 * const bias = { name: "bias", dtype: "F32", shape: [2], data: () => new Float32Array([1, 2]) } as const;
 * await writeSafetensors("model.safetensors", [bias]);
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<SafetensorsSource>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const sorted = sortedTensors(file, tensors);
  const header = headerBytes(file, sorted, metadata);
  await writeAtomically(file, async (handle) => {
    await handle.writeFile(header);
    for (const { source, bytes } of sorted) {
      const view = await source.data();
      if (!ArrayBuffer.isView(view) || view.byteLength !== bytes) {
        const came = ArrayBuffer.isView(view) ? `${view.byteLength}` : `${view}`;
        throw fault(
          file,
          source.name,
          `${source.dtype} [${source.shape.join(", ")}] needs ${bytes} bytes`,
          came,
        );
      }
      // A handle's writeFile goes on where the last one ended, in pieces, off the JavaScript thread.
      await handle.writeFile(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    }
  });
}

interface SizedTensor {
  source: SafetensorsSource;
  bytes: number;
}

function sortedTensors(file: string, tensors: Iterable<SafetensorsSource>): SizedTensor[] {
  const sized = new Map<string, SizedTensor & { utf8: Buffer }>();
  for (const source of tensors) {
    const { name, dtype, shape } = source;
    if (typeof name !== "string" || name === "__metadata__" || /\p{Surrogate}/u.test(name)) {
      throw fault(file, name, "needs a name in Unicode other than __metadata__", JSON.stringify(name));
    }
    if (sized.has(name)) throw fault(file, name, "needs a name of its own", "it twice");
    if (!DTYPE_BYTES.has(dtype))
      throw fault(file, name, `dtype must be one of ${ORDER.join(", ")}`, `${dtype}`);
    const bytes = isShape(shape) ? tensorBytes(dtype, shape) : undefined;
    if (bytes === undefined) {
      throw fault(
        file,
        name,
        "shape must be non-negative integers of countable product",
        JSON.stringify(shape),
      );
    }
    sized.set(name, { source, bytes, utf8: Buffer.from(name) });
  }
  const rank = (tensor: SizedTensor) => ORDER.indexOf(tensor.source.dtype);
  return [...sized.values()].sort((a, b) => rank(b) - rank(a) || Buffer.compare(a.utf8, b.utf8));
}

function headerBytes(
  file: string,
  tensors: SizedTensor[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const members: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of notes) {
    if (typeof value === "string") continue;
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `${file}: metadata ${name} must be a string, got ${typeof value}`,
    );
  }
  // Members are joined as text: an object would reorder names that look like numbers.
  const member = (name: string, value: unknown) => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  if (notes.length > 0) members.push(`"__metadata__":{${notes.map(([k, v]) => member(k, v)).join(",")}}`);
  let at = 0;
  for (const { source, bytes } of tensors) {
    const { name, dtype, shape } = source;
    members.push(member(name, { dtype, shape, data_offsets: [at, at + bytes] }));
    at += bytes;
  }
  const json = Buffer.from(`{${members.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, " ");
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, 8);
  return header;
}

function fault(file: string, name: unknown, needed: string, came: string): AthanorError {
  return new AthanorError(
    "ERR_CHECKPOINT",
    `${file}: tensor ${JSON.stringify(name)}: ${needed}, got ${came}`,
  );
}
