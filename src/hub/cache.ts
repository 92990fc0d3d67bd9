// One repository in the cache that all of Hugging Face's libraries share:
//   models--ORG--NAME/blobs/HASH, snapshots/COMMIT/FILE -> ../../blobs/HASH, refs/REVISION (holds the commit);
//   datasets--ORG--NAME likewise.
// Everything takes its name when it is whole, so that several processes can fill one cache.

import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

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

/** Makes a file beside its place and moves it there. */
export async function appears(file: string, make: (part: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${randomUUID()}.incomplete`;
  try {
    await make(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
