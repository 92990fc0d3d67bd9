// Downloads one file into the cache: goes on where a connection was cut or a process killed, checks size and hash, and
// lets the file appear when it is whole. Calls that want the same file at once share one download.

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { AthanorError } from "../errors.js";
import { appears, type RepositoryCache, takeOver } from "./cache.js";
import { type HubClient, type HubFile, Unreachable, WrongBytes } from "./client.js";
import type { HubProgress, HubSettings } from "./settings.js";

/** What a download is done with. */
export interface DownloadContext {
  repository: string;
  commit: string;
  client: HubClient;
  cache: RepositoryCache;
  settings: HubSettings;
}

interface Running {
  done: Promise<void>;
  listeners: Set<(progress: HubProgress) => void>;
}

// Tries in a row without a single byte; one that brought some does not count.
const TRIES = 5;
const FIRST_PAUSE_MS = 200;
const PROGRESS_MS = 100;
// Some tenths of a millisecond.
const HASHED_AT_ONCE = 1 << 18;
const running = new Map<string, Running>();

/** Makes sure that a file's blob is in the cache. Rejects with ERR_HUB, ERR_ABORTED. */
export async function ensureBlob(context: DownloadContext, file: HubFile): Promise<void> {
  const { cache, settings } = context;
  const place = cache.blob(file.hash);
  for (;;) {
    if (await cache.has(file.hash, file.size)) return;
    const other = running.get(place);
    if (other === undefined) break;
    if (settings.onProgress) other.listeners.add(settings.onProgress);
    try {
      await other.done;
    } catch (error) {
      // Another call's signal does not stop this one.
      const stopped = (error as AthanorError).code === "ERR_ABORTED" && !settings.signal?.aborted;
      if (!stopped) throw error;
    }
  }
  const listeners = new Set(settings.onProgress ? [settings.onProgress] : []);
  const done = appears(place, (part) => download(context, file, part, listeners));
  running.set(place, { done, listeners });
  try {
    await done;
  } finally {
    running.delete(place);
  }
}

async function download(
  context: DownloadContext,
  file: HubFile,
  part: string,
  listeners: Running["listeners"],
): Promise<void> {
  const begun = await takeOver(context.cache.blob(file.hash), part);
  const handle = await open(part, begun ? "r+" : "wx");
  try {
    const tell = teller(context.repository, file, listeners);
    if (begun) await handle.truncate(Math.min(file.size, (await handle.stat()).size));
    let digest = await receive(context, file, handle, tell, begun);
    // Once more from the beginning: a part of a wrong file may have been joined with the right one.
    if (digest !== file.hash) digest = await receive(context, file, handle, tell);
    if (digest !== file.hash) {
      const needed = `${file.name} of ${context.repository} must have the hash ${file.hash}`;
      const hint = "a proxy or mirror may have changed it; nothing was kept";
      throw new AthanorError("ERR_HUB", `${needed}, got ${digest} twice: ${hint}`);
    }
    await handle.sync();
    tell(file.size, true);
  } finally {
    await handle.close();
  }
}

/** Writes the file, after what `begun` says is there, and gives the hash of it all. */
async function receive(
  { client, commit, settings, repository }: DownloadContext,
  file: HubFile,
  handle: FileHandle,
  tell: (loaded: number) => void,
  begun = false,
): Promise<string> {
  let hash = freshHash(file);
  let received = begun ? await hashed(handle, hash) : 0;
  for (let failures = 0; ; ) {
    const before = received;
    try {
      if (received > 0 && received === file.size) return hash.digest("hex");
      for await (const bytes of client.bytes(commit, file, received)) {
        if (received + bytes.length > file.size) throw new WrongBytes(`more than its ${file.size} bytes`);
        await handle.write(bytes, 0, bytes.length, received);
        hash.update(bytes);
        received += bytes.length;
        tell(received);
      }
      if (received === file.size) return hash.digest("hex");
      throw new Unreachable(`only ${received} of its ${file.size} bytes`);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      failures = received > before ? 1 : failures + 1;
      if (failures >= TRIES) throw gaveUp(repository, file, received, error);
      if (error instanceof WrongBytes) {
        hash = freshHash(file);
        received = 0;
      }
      await rested(FIRST_PAUSE_MS * 2 ** (failures - 1), settings.signal);
    }
  }
}

/** Hashes a file from its beginning and gives its length. */
async function hashed(handle: FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.alloc(HASHED_AT_ONCE);
  for (let length = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, length);
    if (bytesRead === 0) return length;
    hash.update(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
}

function gaveUp(repository: string, file: HubFile, received: number, cause: Error): AthanorError {
  const needed = `${file.name} of ${repository} needs a connection that holds`;
  const came = `got ${received} of ${file.size} bytes, then ${TRIES} times ${cause.message}`;
  return new AthanorError("ERR_HUB", `${needed}, ${came}`, { cause });
}

/** Waits, unless the signal stops it. */
export async function rested(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(milliseconds, undefined, { signal }).catch((cause) => {
    throw new AthanorError("ERR_ABORTED", "stopped by its signal", { cause });
  });
}

/** SHA-256 for large files; for others the SHA-1 that Git gives a blob of this size. */
function freshHash({ hash, size }: HubFile): Hash {
  return hash.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

function teller(
  repository: string,
  { name: file, size: total }: HubFile,
  listeners: Running["listeners"],
): (loaded: number, done?: boolean) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (loaded, done = false) => {
    const now = performance.now();
    if (!done && now - last < PROGRESS_MS) return;
    last = now;
    for (const listener of listeners) listener({ repository, file, loaded, total, done });
  };
}
