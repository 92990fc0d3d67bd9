// Files that are either the old or the new one, never half of it: written under another name in the same
// folder, synced, renamed.

import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AthanorError } from "../errors.js";

/**
 * Writes a small text file (UTF-8) so that a crash leaves the old file or the new one.
 *
 * Rejects with ERR_CHECKPOINT when the folder is missing, full or read-only; the old file is then untouched.
 *
 * @example
 * await writeFileAtomic("my-bert/config.json", JSON.stringify(config, null, 2));
 */
export async function writeFileAtomic(file: string, text: string): Promise<void> {
  await writeAtomically(file, (handle) => handle.writeFile(text, "utf8"));
}

/**
 * Lets `write` fill a temporary file beside `file`, which then takes its place. When `write` rejects, the
 * temporary file is removed, the old file is untouched, and the error goes on to the caller; errors of the
 * file system become ERR_CHECKPOINT.
 */
export async function writeAtomically(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(temporary, "wx");
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError(file, error);
  }
  await syncFolder(dirname(file));
}

function fileError(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  const message = `${file}: needs a file that can be written, got ${code} from ${syscall}`;
  return new AthanorError("ERR_CHECKPOINT", message, { cause: error });
}

/** Makes the new name durable. Some systems (Windows, some network drives) cannot sync a folder: no harm. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // The file itself is synced and in place.
  }
}
