// Finds the weights of a model folder: one model.safetensors, or several shards named by an index. The folder
// may come from a stranger, so an index can only name files of its own folder.

import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { AthanorError } from "../errors.js";
import type { SafetensorsDType } from "./safetensors-dtype.js";
import { openCheckpointFile, readSafetensorsHeader, type SafetensorsFile } from "./safetensors-header.js";
import { type JsonValue, jsonMembers } from "./strict-json.js";

/** Where the bytes of one tensor lie; `begin` and `end` are byte positions in `file`. */
export interface CheckpointTensor {
  file: string;
  dtype: SafetensorsDType;
  shape: number[];
  begin: number;
  end: number;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const MAX_INDEX_BYTES = 100_000_000;

/**
 * All tensors of a model folder by name. `model.safetensors` is used where it exists, otherwise the shards of
 * `model.safetensors.index.json`; tensors of a shard that the index does not list are left out.
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
  if (names.includes(SINGLE)) {
    const header = await readSafetensorsHeader(join(folder, SINGLE));
    return new Map([...header.tensors.keys()].map((name) => [name, located(header, name)]));
  }
  if (names.includes(INDEX)) return await resolveShards(folder);
  const came = names.length === 0 ? "an empty folder" : names.slice(0, 12).join(", ");
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs ${SINGLE} or ${INDEX}, got ${came}${more}`);
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

function located(header: SafetensorsFile, name: string): CheckpointTensor {
  const { dtype, shape, begin, end } = header.tensors.get(name)!;
  return { file: header.file, dtype, shape, begin, end };
}

async function resolveShards(folder: string): Promise<Map<string, CheckpointTensor>> {
  const index = join(folder, INDEX);
  const weightMap = await readWeightMap(index);
  const headers = new Map<string, SafetensorsFile>();
  const owners = new Map<string, string>();
  for (const shard of new Set(weightMap.values())) {
    const header = await readSafetensorsHeader(await shardPath(folder, index, shard));
    headers.set(shard, header);
    for (const name of header.tensors.keys()) {
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
    tensors.set(name, located(headers.get(shard)!, name));
  }
  return tensors;
}

async function readWeightMap(index: string): Promise<Map<string, string>> {
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
    return checkedWeightMap(index, new Map(jsonMembers(text)).get("weight_map"));
  } catch (cause) {
    if (cause instanceof AthanorError) throw cause;
    const message = `${index}: needs a JSON object in UTF-8, ${(cause as Error).message}`;
    throw new AthanorError("ERR_CHECKPOINT", message, { cause });
  } finally {
    await handle.close();
  }
}

function checkedWeightMap(index: string, value: JsonValue | undefined): Map<string, string> {
  if (!(value instanceof Map) || value.size === 0) {
    const came = value === undefined ? "none" : value instanceof Map ? "an empty one" : typeof value;
    throw new AthanorError("ERR_CHECKPOINT", `${index}: needs an object "weight_map", got ${came}`);
  }
  for (const [name, shard] of value) {
    const plain = typeof shard === "string" && /^[^/\\:\0]+\.safetensors$/.test(shard);
    if (!plain)
      throw fault(index, name, "needs a plain file name ending in .safetensors", JSON.stringify(shard));
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
