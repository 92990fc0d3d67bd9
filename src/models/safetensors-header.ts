// The header of a safetensors file, read and checked: 8 bytes of length (little-endian), that much JSON
//   { "__metadata__": { name: string }, tensor: { "dtype", "shape", "data_offsets": [begin, end] } }
// and then the tensors' bytes, without gaps or overlap. Every size is checked against the file before
// anything of that size is allocated: whoever reads a tensor afterwards may trust its range.

import { constants, type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { AthanorError } from "../errors.js";
import { DTYPE_BYTES, isShape, type SafetensorsDType, tensorBytes } from "./safetensors-dtype.js";
import { type JsonValue, jsonMembers } from "./strict-json.js";

/** One tensor of a file; `begin` and `end` are byte positions from the start of the file. */
export interface SafetensorsEntry {
  name: string;
  dtype: SafetensorsDType;
  shape: number[];
  begin: number;
  end: number;
}

/** What a safetensors file says about itself. Tensors come in the order of their bytes. */
export interface SafetensorsFile {
  file: string;
  metadata: Map<string, string>;
  tensors: Map<string, SafetensorsEntry>;
}

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const SLICE_MS = 2;
// Opening a named pipe would otherwise wait for its writer, for ever. Windows has no such flag.
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Reads the header of a safetensors file and checks all of it: lengths, JSON (a name that appears twice is
 * refused), types, shapes, and that the tensors fill the file exactly.
 *
 * Rejects with ERR_CHECKPOINT, naming the file, the tensor, what was needed and what came.
 *
 * @example
 * const { tensors } = await readSafetensorsHeader("bert/model.safetensors");
 * tensors.get("bert.pooler.dense.bias"); // { name, dtype: "F32", shape: [768], begin: 22080, end: 25152 }
 */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsFile> {
  const handle = await openCheckpointFile(file);
  try {
    const { size } = await handle.stat();
    const text = await readHeaderText(file, handle, size);
    return await parseHeader(file, text, size);
  } finally {
    await handle.close();
  }
}

/** Opens a file for reading; ERR_CHECKPOINT when there is none. The caller closes it. */
export async function openCheckpointFile(file: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(file, READ_ONLY);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "no such file" : (code ?? cause);
    throw new AthanorError("ERR_CHECKPOINT", `${file}: needs a readable file, got ${came}`, { cause });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new AthanorError("ERR_CHECKPOINT", `${file}: needs a regular file, got a directory or a device`);
}

/** Fills `bytes` from a position of the file; ERR_CHECKPOINT when the file ends before. */
export async function readFully(
  file: string,
  handle: FileHandle,
  bytes: Uint8Array,
  from: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done);
    if (bytesRead === 0) {
      const came = `the end of the file at ${from + done}`;
      throw new AthanorError(
        "ERR_CHECKPOINT",
        `${file}: needs bytes up to ${from + bytes.length}, got ${came}`,
      );
    }
    done += bytesRead;
  }
}

async function readHeaderText(file: string, handle: FileHandle, size: number): Promise<string> {
  const fail = (message: string, cause?: unknown) =>
    new AthanorError("ERR_CHECKPOINT", `${file}: ${message}`, { cause });
  if (size < LENGTH_BYTES)
    throw fail(`needs ${LENGTH_BYTES} bytes of header length, got a file of ${size} bytes`);
  const lengthBytes = Buffer.alloc(LENGTH_BYTES);
  await readFully(file, handle, lengthBytes, 0);
  const length = lengthBytes.readBigUInt64LE();
  if (length > MAX_HEADER_BYTES)
    throw fail(`needs a header of at most ${MAX_HEADER_BYTES} bytes, got ${length}`);
  const room = size - LENGTH_BYTES;
  if (length > room) throw fail(`needs a header of ${length} bytes, got a file with room for ${room}`);
  const bytes = Buffer.alloc(Number(length));
  await readFully(file, handle, bytes, LENGTH_BYTES);
  if (bytes[0] !== 0x7b) {
    const came = bytes.length === 0 ? "an empty header" : `byte ${bytes[0]}`;
    throw fail(`needs a header that begins with {, got ${came}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fail("needs a header in UTF-8, got other bytes", cause);
  }
}

async function parseHeader(file: string, text: string, size: number): Promise<SafetensorsFile> {
  const dataBegin = LENGTH_BYTES + Buffer.byteLength(text);
  let metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  let sliceStart = performance.now();
  try {
    for (const [name, value] of jsonMembers(text)) {
      if (name === "__metadata__") metadata = checkedMetadata(value);
      else entries.push(checkedEntry(name, value, dataBegin, size));
      if (performance.now() - sliceStart > SLICE_MS) {
        await setImmediate();
        sliceStart = performance.now();
      }
    }
    checkLayout(entries, dataBegin, size);
  } catch (cause) {
    if (cause instanceof HeaderFault) throw new AthanorError("ERR_CHECKPOINT", `${file}: ${cause.message}`);
    const message = `${file}: needs a header in JSON, ${(cause as Error).message}`;
    throw new AthanorError("ERR_CHECKPOINT", message, { cause });
  }
  return { file, metadata, tensors: new Map(entries.map((entry) => [entry.name, entry])) };
}

/** A fault in what the header says, as opposed to its JSON. */
class HeaderFault extends Error {}

function checkedMetadata(value: JsonValue): Map<string, string> {
  if (!(value instanceof Map)) throw new HeaderFault(`__metadata__ must be an object, got ${shown(value)}`);
  for (const [name, text] of value) {
    if (typeof text === "string") continue;
    throw new HeaderFault(`__metadata__ ${JSON.stringify(name)} must be a string, got ${shown(text)}`);
  }
  return value as Map<string, string>;
}

function checkedEntry(name: string, value: JsonValue, dataBegin: number, size: number): SafetensorsEntry {
  const fail = (message: string) => new HeaderFault(`tensor ${shown(name)}: ${message}`);
  if (!(value instanceof Map)) throw fail(`must be an object, got ${shown(value)}`);
  const dtype = value.get("dtype");
  const shape = value.get("shape");
  const offsets = value.get("data_offsets");
  if (typeof dtype !== "string" || !DTYPE_BYTES.has(dtype)) {
    throw fail(`dtype must be one of ${[...DTYPE_BYTES.keys()].join(", ")}, got ${shown(dtype)}`);
  }
  if (!isShape(shape)) throw fail(`shape must be a list of non-negative integers, got ${shown(shape)}`);
  if (!isShape(offsets) || offsets.length !== 2) {
    throw fail(`data_offsets must be two non-negative integers, got ${shown(offsets)}`);
  }
  const [first, last] = offsets;
  if (first > last) throw fail(`data_offsets must be in order, got [${first}, ${last}]`);
  const room = size - dataBegin;
  if (last > room)
    throw fail(`data_offsets must lie within the file's ${room} data bytes, got [${first}, ${last}]`);
  const bytes = tensorBytes(dtype as SafetensorsDType, shape);
  if (bytes === undefined) throw fail(`shape must have a countable size, got [${shape.join(", ")}]`);
  if (bytes !== last - first) {
    throw fail(`${dtype} [${shape.join(", ")}] needs ${bytes} bytes, got ${last - first} in data_offsets`);
  }
  return { name, dtype: dtype as SafetensorsDType, shape, begin: dataBegin + first, end: dataBegin + last };
}

/** Sorts the tensors by their bytes and checks that they follow each other up to the end of the file. */
function checkLayout(entries: SafetensorsEntry[], dataBegin: number, size: number): void {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = dataBegin;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const what = begin < at ? "overlaps the tensor before it" : "leaves a hole before it";
      const came = `begins at ${begin - dataBegin}`;
      throw new HeaderFault(`tensor ${shown(name)}: needs to begin at ${at - dataBegin}, ${what}: ${came}`);
    }
    at = end;
  }
  if (at === size) return;
  throw new HeaderFault(
    `needs tensors up to the end of the file at ${size}, got ${size - at} bytes that belong to none`,
  );
}

/** How a value appears in a message: as JSON, cut at 80 characters. */
function shown(value: JsonValue | undefined): string {
  if (value === undefined) return "none";
  if (value instanceof Map) return "an object";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
