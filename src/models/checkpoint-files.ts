// Finds the weights of a model folder: one file, or several shards named by an index, of safetensors or, where there is
// none, of PyTorch. The folder may come from a stranger, so an index can only name files of its own folder.

import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { AthanorError } from "../errors.js";
import type { SafetensorsDType } from "./safetensors-dtype.js";
import {
  openCheckpointFile,
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsFile,
} from "./safetensors-header.js";
import { type JsonValue, jsonMembers } from "./strict-json.js";
import { readTorchFile } from "./torch-file.js";

/** Where the bytes of one tensor lie; `begin` and `end` are byte positions in `file`. */
export interface CheckpointTensor {
  file: string;
  dtype: SafetensorsDType;
  shape: number[];
  begin: number;
  end: number;
  /** Elements from one index to the next in each dimension, where they do not lie one after another. */
  strides?: number[];
}

/** How weights are stored, best first. */
interface Format {
  single: string;
  index: string;
  /** What a shard's name ends with. */
  ending: string;
  read(file: string): Promise<Map<string, CheckpointTensor>>;
}

const FORMATS: readonly Format[] = [
  {
    single: "model.safetensors",
    index: "model.safetensors.index.json",
    ending: ".safetensors",
    async read(file) {
      const header = await readSafetensorsHeader(file);
      return new Map([...header.tensors].map(([name, entry]) => [name, located(header, entry)]));
    },
  },
  {
    single: "pytorch_model.bin",
    index: "pytorch_model.bin.index.json",
    ending: ".bin",
    read: readTorchFile,
  },
];
const MAX_INDEX_BYTES = 100_000_000;

/**
 * All tensors of a model folder by name. `model.safetensors` is used where it exists, otherwise the shards of
 * `model.safetensors.index.json`, then `pytorch_model.bin` and `pytorch_model.bin.index.json`, of which nothing is
 * executed; tensors of a shard that the index does not list are left out.
 *
 * Rejects with ERR_CHECKPOINT when there is neither (the message lists what was found), when a header is
 * wrong, when the index names anything but a file of its folder, or when index and shards do not agree.
 *
 * @example
 * const weights = await resolveCheckpoint("./bert-base-uncased");
 * weights.get("bert.pooler.dense.weight"); // { file, dtype: "F32", shape: [768, 768], begin, end }
 */
export async function resolveCheckpoint(folder: string): Promise<Map<string, CheckpointTensor>> {
  const names = await listFolder(folder);
  for (const format of FORMATS) {
    if (names.includes(format.single)) return await format.read(join(folder, format.single));
    if (names.includes(format.index)) return await resolveShards(folder, format);
  }
  const came = names.length === 0 ? "an empty folder" : names.slice(0, 12).join(", ");
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  const needed = FORMATS.flatMap(({ single, index }) => [single, index]).join(" or ");
  throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs ${needed}, got ${came}${more}`);
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "no such folder" : code === "ENOTDIR" ? "a file" : code;
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs a model folder, got ${came}`, { cause });
  }
}

function located({ file }: SafetensorsFile, entry: SafetensorsEntry): CheckpointTensor {
  const { dtype, shape, begin, end } = entry;
  return { file, dtype, shape, begin, end };
}

async function resolveShards(folder: string, format: Format): Promise<Map<string, CheckpointTensor>> {
  const index = join(folder, format.index);
  const weightMap = await readWeightMap(index, format.ending);
  const shards = new Map<string, Map<string, CheckpointTensor>>();
  const owners = new Map<string, string>();
  for (const shard of new Set(weightMap.values())) {
    const found = await format.read(await shardPath(folder, index, shard));
    shards.set(shard, found);
    for (const name of found.keys()) {
      const owner = owners.get(name);
      if (owner !== undefined)
        throw fault(index, name, "must be in one shard", `it in ${owner} and ${shard}`);
      owners.set(name, shard);
    }
  }
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, shard] of weightMap) {
    const owner = owners.get(name);
    if (owner !== shard)
      throw fault(index, name, `must be in ${shard}`, owner ? `it in ${owner}` : "it nowhere");
    tensors.set(name, shards.get(shard)!.get(name)!);
  }
  return tensors;
}

async function readWeightMap(index: string, ending: string): Promise<Map<string, string>> {
  const handle = await openCheckpointFile(index);
  try {
    const { size } = await handle.stat();
    if (size > MAX_INDEX_BYTES) {
      throw new AthanorError(
        "ERR_CHECKPOINT",
        `${index}: needs at most ${MAX_INDEX_BYTES} bytes, got ${size}`,
      );
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
    return checkedWeightMap(index, new Map(jsonMembers(text)).get("weight_map"), ending);
  } catch (cause) {
    if (cause instanceof AthanorError) throw cause;
    const message = `${index}: needs a JSON object in UTF-8, ${(cause as Error).message}`;
    throw new AthanorError("ERR_CHECKPOINT", message, { cause });
  } finally {
    await handle.close();
  }
}

function checkedWeightMap(index: string, value: JsonValue | undefined, ending: string): Map<string, string> {
  if (!(value instanceof Map) || value.size === 0) {
    const came = value === undefined ? "none" : value instanceof Map ? "an empty one" : typeof value;
    throw new AthanorError("ERR_CHECKPOINT", `${index}: needs an object "weight_map", got ${came}`);
  }
  for (const [name, shard] of value) {
    const plain = typeof shard === "string" && /^[^/\\:\0]+$/.test(shard) && shard.endsWith(ending);
    if (!plain || shard === ending)
      throw fault(index, name, `needs a plain file name ending in ${ending}`, JSON.stringify(shard));
  }
  return value as Map<string, string>;
}

/** The path of a shard, when it lies in the folder, or where a Hugging Face cache keeps its files. */
async function shardPath(folder: string, index: string, shard: string): Promise<string> {
  const path = join(folder, shard);
  let real: string;
  try {
    real = await realpath(path);
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${index}: needs the shard ${shard}, got no such file`, {
      cause,
    });
  }
  const home = await realpath(folder);
  // The cache stores snapshots/<commit>/<name> as links to blobs/<hash> two folders up.
  const cached = basename(dirname(home)) === "snapshots" && dirname(real) === join(home, "..", "..", "blobs");
  if (real.startsWith(home + sep) || cached) return path;
  throw new AthanorError(
    "ERR_CHECKPOINT",
    `${index}: needs shards inside the folder, got ${shard} linked to ${real}`,
  );
}

function fault(index: string, name: string, needed: string, came: string): AthanorError {
  return new AthanorError(
    "ERR_CHECKPOINT",
    `${index}: tensor ${JSON.stringify(name)} ${needed}, got ${came}`,
  );
}
