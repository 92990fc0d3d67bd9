// The tensors of a file that torch.save wrote of a state dict (pytorch_model.bin): found without executing anything.
// Two formats: an archive with one file per storage (PyTorch 1.6 and newer), and one pickle after another with the
// storages at the end (before that). Sources: torch/serialization.py and torch/_utils.py of PyTorch 2.13.
import type { FileHandle } from "node:fs/promises";
import { AthanorError } from "../errors.js";
import type { CheckpointTensor } from "./checkpoint-files.js";
import { type Pickled, PickledObject, type PickleRules, readPickle, shownPickled } from "./pickle.js";
import { DTYPE_BYTES, type SafetensorsDType, tensorBytes } from "./safetensors-dtype.js";
import { openCheckpointFile, readFully } from "./safetensors-header.js";
import { readZipDirectory, type ZipEntry } from "./zip-directory.js";

const STORAGES = new Map<string, SafetensorsDType>([
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.DoubleStorage", "F64"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

const LARGEST_PICKLE = 64_000_000;
// Of a file whose storages come after it in the same file: real ones have names alone, some hundred kilobytes.
const LARGEST_HEAD = 16_000_000;
const MOST_DIMENSIONS = 64; // PyTorch's own limit
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

interface Storage {
  key: string;
  dtype: SafetensorsDType;
  /** Elements. */
  count: number;
}

interface StoredTensor {
  storage: Storage;
  offset: number;
  shape: number[];
  strides: number[];
}

/**
 * All tensors of a file by name, with where their bytes are.
 *
 * @throws ERR_CHECKPOINT for a file that is cut off, contradicts itself, or holds anything but named tensors
 */
export async function readTorchFile(file: string): Promise<Map<string, CheckpointTensor>> {
  const handle = await openCheckpointFile(file);
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(size, 4));
    await readFully(file, handle, start, 0);
    const isArchive = start.equals(Buffer.from([0x50, 0x4b, 3, 4]));
    return await (isArchive ? readArchive : readSequence)(file, handle, size);
  } finally {
    await handle.close();
  }
}

async function readArchive(
  file: string,
  handle: FileHandle,
  size: number,
): Promise<Map<string, CheckpointTensor>> {
  const entries = await readZipDirectory(file, handle, size);
  const main = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (main === undefined) {
    throw fault(file, "needs an archive with data.pkl", [...entries.keys()].slice(0, 8).join(", "));
  }
  const folder = main.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`);
  if (order) {
    const text = (await readEntry(file, handle, order, 16)).toString("latin1");
    if (text !== "little") throw fault(file, "needs little-endian numbers", JSON.stringify(text));
  }
  const pickle = await readEntry(file, handle, entries.get(main) as ZipEntry, LARGEST_PICKLE);
  const { value } = readPickle(file, pickle, 0, rules(file));
  return tensorsOf(file, value, ({ key, dtype, count }) => {
    const entry = entries.get(`${folder}data/${key}`);
    const bytes = tensorBytes(dtype, [count]);
    if (!entry || entry.end - entry.begin !== bytes) {
      const came = entry ? `${entry.end - entry.begin}` : "none";
      throw fault(file, `storage ${shownPickled(key)} needs ${bytes} bytes`, came);
    }
    return entry.begin;
  });
}

async function readEntry(file: string, handle: FileHandle, entry: ZipEntry, most: number): Promise<Buffer> {
  const length = entry.end - entry.begin;
  if (length > most) throw fault(file, `needs at most ${most} bytes of pickle`, String(length));
  const bytes = Buffer.alloc(length);
  await readFully(file, handle, bytes, entry.begin);
  return bytes;
}

/** Magic number, protocol, how numbers lie, the state dict, the keys of its storages, and those one after another. */
async function readSequence(
  file: string,
  handle: FileHandle,
  size: number,
): Promise<Map<string, CheckpointTensor>> {
  const bytes = Buffer.alloc(Math.min(size, LARGEST_HEAD));
  await readFully(file, handle, bytes, 0);
  if (bytes[0] !== 0x80) {
    const isTar = bytes.toString("latin1", 257, 262) === "ustar";
    const came = isTar
      ? "a tar archive, as before PyTorch 0.2: load and save it with a newer one"
      : "another";
    throw fault(file, "needs an archive or a pickle of torch.save", came);
  }
  let at = 0;
  const next = (): Pickled => {
    const { value, end } = readPickle(file, bytes, at, rules(file));
    at = end;
    return value;
  };
  const magic = next();
  if (magic !== MAGIC) throw fault(file, "needs the magic number of torch.save", shownPickled(magic));
  const protocol = next();
  if (protocol !== PROTOCOL) throw fault(file, `needs protocol ${PROTOCOL}`, shownPickled(protocol));
  const system = next();
  if (!(system instanceof Map) || system.get("little_endian") !== true) {
    throw fault(file, "needs little-endian numbers", "others");
  }
  const state = next();
  const keys = next();
  if (!Array.isArray(keys)) throw fault(file, "needs a list of storages", "none");
  const storages = storagesIn(file, state);
  const begins = new Map<string, number>();
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage) throw fault(file, "needs storages that tensors use", shownPickled(key));
    const count = Buffer.alloc(8);
    await readFully(file, handle, count, at);
    if (count.readBigInt64LE() !== BigInt(storage.count)) {
      throw fault(
        file,
        `storage ${shownPickled(storage.key)} needs ${storage.count} elements`,
        String(count.readBigInt64LE()),
      );
    }
    begins.set(storage.key, at + 8);
    at += 8 + (tensorBytes(storage.dtype, [storage.count]) as number);
    if (!(at <= size)) throw fault(file, `needs ${at} bytes`, String(size));
  }
  return tensorsOf(file, state, ({ key }) => {
    const begin = begins.get(key);
    if (begin === undefined) throw fault(file, `storage ${shownPickled(key)} must be in the file`, "none");
    return begin;
  });
}

/** What a pickle of a state dict may call and name. */
function rules(file: string): PickleRules {
  const rebuild = (args: Pickled[]) => new PickledObject("tensor", rebuilt(file, args));
  return {
    functions: new Map<string, (args: Pickled[]) => Pickled>([
      ["collections.OrderedDict", (args) => ordered(file, args)],
      ["torch._utils._rebuild_tensor_v2", rebuild],
      ["torch._utils._rebuild_parameter", ([tensor]) => tensor ?? null],
    ]),
    classes: new Set(STORAGES.keys()),
    persistent: (id) => new PickledObject("storage", storageOf(file, id)),
  };
}

/** Python 3 makes it empty and sets its items, Python 2 makes it of a list of pairs. */
function ordered(file: string, [items = []]: Pickled[]): Pickled {
  if (Array.isArray(items) && items.every((item) => Array.isArray(item) && item.length === 2)) {
    return new Map(items as [Pickled, Pickled][]);
  }
  throw fault(file, "needs dictionaries made of pairs", shownPickled(items));
}

function storageOf(file: string, id: Pickled): Storage {
  const [what, kind, key, , count, view] = Array.isArray(id) ? id : [];
  const dtype = kind instanceof PickledObject ? STORAGES.get(String(kind.value)) : undefined;
  if (what !== "storage" || !dtype || typeof key !== "string" || !isCount(count)) {
    throw fault(file, "needs a storage with kind, key and size", "another persistent id");
  }
  if (view !== undefined && view !== null) throw fault(file, "needs storages that are no views", "one");
  if (tensorBytes(dtype, [count]) === undefined) {
    throw fault(file, `storage ${shownPickled(key)} needs a size that can be counted`, String(count));
  }
  return { key, dtype, count };
}

function rebuilt(file: string, [object, offset, shape, strides]: Pickled[]): StoredTensor {
  const storage = object instanceof PickledObject && object.kind === "storage" ? object.value : undefined;
  const sized = isCounts(shape) && isCounts(strides) && shape.length === strides.length;
  if (!storage || !isCount(offset) || !sized) {
    throw fault(file, "needs tensors with storage, offset, sizes and strides from 0", "others");
  }
  return { storage: storage as Storage, offset, shape, strides };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every(isCount);

/** Where the named tensors of a state dict are. */
function tensorsOf(
  file: string,
  state: Pickled,
  beginOf: (storage: Storage) => number,
): Map<string, CheckpointTensor> {
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of namedTensors(file, state)) {
    tensors.set(name, located(file, name, tensor, beginOf(tensor.storage)));
  }
  return tensors;
}

function namedTensors(file: string, state: Pickled): [string, StoredTensor][] {
  if (!(state instanceof Map)) throw fault(file, "needs a dictionary of tensors", "another value");
  return [...state].map(([name, value]) => {
    if (typeof name !== "string" || !(value instanceof PickledObject) || value.kind !== "tensor") {
      throw fault(file, "needs a dictionary of tensors by name", `another value for ${shownPickled(name)}`);
    }
    return [name, value.value as StoredTensor];
  });
}

function storagesIn(file: string, state: Pickled): Map<string, Storage> {
  const storages = new Map<string, Storage>();
  for (const [, { storage }] of namedTensors(file, state)) {
    const { key, dtype, count } = storage;
    const known = storages.get(key) ?? storage;
    if (known.dtype !== dtype || known.count !== count) {
      const needed = `storage ${shownPickled(key)} must be ${known.count} of ${known.dtype} for all tensors`;
      throw fault(file, needed, `${count} of ${dtype}`);
    }
    storages.set(key, known);
  }
  return storages;
}

/** Where a tensor's bytes are, all of them inside its storage. */
function located(
  file: string,
  name: string,
  { storage, offset, shape, strides }: StoredTensor,
  begin: number,
): CheckpointTensor {
  const { dtype, count } = storage;
  const width = DTYPE_BYTES.get(dtype) as number;
  const elements = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((at, size, i) => at + (size - 1) * strides[i], 0);
  // An expanded tensor would take more memory than its file is long.
  const fits = elements === 0 ? offset <= count : offset + last < count && elements <= count;
  if (!fits) {
    const came = `(${shape.join(", ")}) with strides (${strides.join(", ")}) from ${offset}`;
    throw fault(file, `${shownPickled(name)} must lie in its storage of ${count} elements`, came);
  }
  const place = { file, dtype, shape, begin: begin + offset * width };
  if (elements === 0) return { ...place, end: place.begin };
  const dense = denseStrides(shape).every((stride, i) => shape[i] === 1 || stride === strides[i]);
  return { ...place, end: place.begin + (last + 1) * width, ...(dense ? {} : { strides }) };
}

/** Those of a tensor whose elements lie one after another. */
function denseStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

function fault(file: string, needed: string, came: string): AthanorError {
  return new AthanorError("ERR_CHECKPOINT", `${file}: ${needed}, got ${came}`);
}
