// One repository in the cache that all of Hugging Face's libraries share:
//   models--ORG--NAME/blobs/HASH, snapshots/COMMIT/FILE -> ../../blobs/HASH, refs/REVISION (holds the commit);
//   datasets--ORG--NAME likewise.
// Everything takes its name when it is whole, so that several processes can fill one cache.

import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

export const COMMIT = /^[0-9a-f]{40}$/;

/** What a repository holds. */
export type RepositoryType = "model" | "dataset";

/** The cached files of one repository. */
export class RepositoryCache {
  readonly #folder: string;

  constructor(cache: string, repository: string, type: RepositoryType) {
    this.#folder = join(cache, `${type}s--${repository.replace("/", "--")}`);
  }

  blob(hash: string): string {
    return join(this.#folder, "blobs", hash);
  }

  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** The commit of a revision, as far as it is known here. */
  async commit(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => "");
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (COMMIT.test(revision) || (await this.commit(revision)) === commit) return;
    const file = join(this.#folder, "refs", revision);
    await appears(file, (part) => writeFile(part, commit));
  }

  /** The files of a snapshot that are there whole, those in folders as FOLDER/NAME. */
  async files(commit: string): Promise<string[]> {
    return await filesBelow(this.snapshot(commit));
  }

  /** Whether a blob is there with that size. */
  async has(hash: string, size: number): Promise<boolean> {
    return (await stat(this.blob(hash)).catch(() => undefined))?.size === size;
  }

  /** Puts a file into a snapshot: a link to its blob, or a copy where links are not allowed (Windows). */
  async link(commit: string, name: string, hash: string): Promise<void> {
    const file = join(this.snapshot(commit), name);
    if (await isFile(file)) return;
    await appears(file, async (part) => {
      await symlink(relative(dirname(file), this.blob(hash)), part).catch(() =>
        copyFile(this.blob(hash), part),
      );
    });
  }
}

/** The files of a folder and the folders in it, named with slashes; none where there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const whole = await Promise.all(names.map((name) => isFile(join(folder, name))));
  return names.filter((_, i) => whole[i]).map((name) => name.replaceAll("\\", "/"));
}

const PART = ".incomplete";

/** Makes a file beside its place and moves it there. */
export async function appears(file: string, make: (part: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${randomUUID()}${PART}`;
  try {
    await make(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

// A download that lives writes within minutes, or gives up.
const ABANDONED_MS = 15 * 60_000;

/**
 * Takes over, as `part`, what a process that was killed has left of a file: the longest such part, the others are removed.
 * Whether there was one.
 */
export async function takeOver(file: string, part: string): Promise<boolean> {
  const folder = dirname(file);
  const start = `${basename(file)}.`;
  const parts: { path: string; size: number }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    // Not HASH.incomplete, which is another library's.
    if (!name.startsWith(start) || !name.slice(start.length).endsWith(PART)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) parts.push({ path, size: found.size });
  }
  parts.sort((a, b) => b.size - a.size);
  let taken = false;
  for (const { path } of parts) {
    if (taken) await rm(path, { force: true });
    else taken = await wasMoved(path, part);
  }
  return taken;
}

/** Not where another process was first. */
async function wasMoved(path: string, to: string): Promise<boolean> {
  try {
    await rename(path, to);
    return true;
  } catch {
    return false;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
