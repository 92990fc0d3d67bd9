// Results of `map` and `filter` on disk: a file per key in one folder. A file is blocks of rows, each with the SHA-256
// of its bytes, and a last block that counts them: one that was cut off or changed is not used. Files appear by
// renaming, so that readers, other processes among them, see them whole or not at all; the oldest go when the folder
// outgrows its bound.

import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { AthanorError } from "../errors.js";
import { type Row, Slices } from "./rows.js";
import { shown } from "./text-source.js";

/** Where results are kept. */
export interface CacheOptions {
  /** Default: `ATHANOR_CACHE/map`, else `XDG_CACHE_HOME/athanor/map`, else `~/.cache/athanor/map`. */
  folder?: string;
  /** Bytes that the folder may hold; the files used longest ago go first. Default 10 GiB. */
  maxBytes?: number;
  /** Told what the cache did. */
  onCache?: (event: CacheEvent) => void;
}

/** What a cache did for one call. */
export interface CacheEvent {
  /** The key: the name of the file, without `.rows`. */
  key: string;
  /** Whether the rows came from the cache. */
  hit: boolean;
  /** Whether they lie there now. */
  stored: boolean;
  /** Why they do not. */
  reason?: string;
}

const MAGIC = Buffer.from("athanor rows 1\n");
const DIGEST_BYTES = 32;
const HEAD_BYTES = 4 + DIGEST_BYTES;
const ROWS_PER_BLOCK = 256;
const DEFAULT_MAX_BYTES = 10 * 2 ** 30;
const STALE_MS = 24 * 3600 * 1000;

/** A folder of results. */
export class MapCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  constructor({ folder = defaultFolder(), maxBytes = DEFAULT_MAX_BYTES }: CacheOptions) {
    if (typeof folder !== "string" || folder === "") {
      throw new AthanorError("ERR_ARGUMENT", `map: cache.folder must be a path, got ${shown(folder)}`);
    }
    if (!(maxBytes > 0)) {
      const needed = "cache.maxBytes must be a number above 0";
      throw new AthanorError("ERR_ARGUMENT", `map: ${needed}, got ${shown(maxBytes)}`);
    }
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Makes the folder. Rejects with ERR_DATA when it cannot be: before the work, not after it. */
  async prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
      const needed = "needs a folder to write to (option cache.folder)";
      throw new AthanorError("ERR_DATA", `map: ${this.#folder} ${needed}, got ${cause.code}`, { cause });
    });
  }

  /** The rows of a key; undefined when there are none, or the file is damaged. */
  async read(key: string): Promise<Row[] | undefined> {
    const file = this.#file(key);
    const handle = await open(file).catch(() => undefined);
    if (handle === undefined) return undefined;
    try {
      const rows = await readBlocks(handle);
      const now = new Date();
      if (rows !== undefined) await utimes(file, now, now).catch(() => {});
      return rows;
    } catch {
      return undefined; // It cannot be read, or another version of Node wrote it.
    } finally {
      await handle.close();
    }
  }

  /** Stores rows. Says why when they could not be; the work they are the result of is worth more than the cache. */
  async write(key: string, rows: readonly Row[]): Promise<string | undefined> {
    const part = join(this.#folder, `${key}.${randomUUID()}.part`);
    try {
      const handle = await open(part, "wx");
      try {
        await writeBlocks(handle, rows, this.#maxBytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(part, this.#file(key));
      await this.#shrink(`${key}.rows`);
      return undefined;
    } catch (error) {
      await rm(part, { force: true });
      return (error as Error).message;
    }
  }

  /** Removes the files used longest ago until the bound holds, and what interrupted writers left. */
  async #shrink(newest: string): Promise<void> {
    const names = await readdir(this.#folder);
    const entries = await Promise.all(
      names.map(async (name) => {
        const found = await stat(join(this.#folder, name)).catch(() => undefined);
        return { name, bytes: found?.size ?? 0, used: found?.mtimeMs ?? Number.POSITIVE_INFINITY };
      }),
    );
    const stale = entries.filter(({ name, used }) => name.endsWith(".part") && used < Date.now() - STALE_MS);
    const kept = entries.filter(({ name }) => name.endsWith(".rows")).sort((a, b) => a.used - b.used);
    let bytes = kept.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of kept) {
      if (bytes <= this.#maxBytes) break;
      if (entry.name === newest) continue;
      stale.push(entry);
      bytes -= entry.bytes;
    }
    for (const { name } of stale) await rm(join(this.#folder, name), { force: true });
  }

  #file(key: string): string {
    return join(this.#folder, `${key}.rows`);
  }
}

function defaultFolder(): string {
  const { ATHANOR_CACHE, XDG_CACHE_HOME } = process.env;
  return join(ATHANOR_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "athanor"), "map");
}

async function writeBlocks(handle: FileHandle, rows: readonly Row[], maxBytes: number): Promise<void> {
  await handle.write(MAGIC);
  const slices = new Slices();
  let bytes = MAGIC.length;
  for (let at = 0; at < rows.length; at += ROWS_PER_BLOCK) {
    const block = serialize(rows.slice(at, at + ROWS_PER_BLOCK));
    bytes += HEAD_BYTES + block.length;
    if (bytes > maxBytes) throw new Error(`the rows need more than maxBytes, ${maxBytes}`);
    await writeBlock(handle, block);
    await slices.rest();
  }
  await writeBlock(handle, serialize(rows.length));
}

async function writeBlock(handle: FileHandle, block: Buffer): Promise<void> {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(block.length);
  await handle.writev([head, createHash("sha256").update(block).digest(), block]);
}

async function readBlocks(handle: FileHandle): Promise<Row[] | undefined> {
  const { size } = await handle.stat();
  if (!(await readBytes(handle, MAGIC.length))?.equals(MAGIC)) return undefined;
  const rows: Row[] = [];
  const slices = new Slices();
  for (;;) {
    const head = await readBytes(handle, HEAD_BYTES);
    const length = head?.readUInt32LE(0);
    // A damaged length must not make room for gigabytes.
    if (head === undefined || length === undefined || length > size) return undefined;
    const block = await readBytes(handle, length);
    if (block === undefined) return undefined;
    if (!createHash("sha256").update(block).digest().equals(head.subarray(4))) return undefined;
    const value: Row[] | number = deserialize(block);
    if (typeof value === "number") return value === rows.length ? rows : undefined;
    for (const row of value) rows.push(row);
    await slices.rest();
  }
}

async function readBytes(handle: FileHandle, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length);
  return bytesRead === length ? bytes : undefined;
}
