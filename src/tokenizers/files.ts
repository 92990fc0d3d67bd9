// Reading and writing the small files of a tokenizer.

import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AthanorError } from "../errors.js";

/** The names of the files in a folder. Throws ERR_TOKENIZER when it cannot be read. */
export async function listFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: needed a folder that can be read, got ${folder}`, {
      cause,
    });
  }
}

/** A file as text. Throws ERR_TOKENIZER when it cannot be read or is not UTF-8. */
export async function readText(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${path} must be a UTF-8 text file that can be read`, {
      cause,
    });
  }
}

/** A file as a JSON object. Throws ERR_TOKENIZER when it is not one. */
export async function readJsonObject(folder: string, name: string): Promise<Record<string, unknown>> {
  const text = await readText(folder, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${join(folder, name)} must be JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${join(folder, name)} must hold a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** Writes files into a folder. Each is complete before it takes its name: a reader never sees half a file. */
export async function replaceFiles(folder: string, files: Record<string, string>): Promise<void> {
  const mark = `.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  const names = Object.keys(files);
  try {
    await mkdir(folder, { recursive: true });
    for (const name of names) await writeFile(join(folder, name + mark), files[name], { flush: true });
    for (const name of names) await rename(join(folder, name + mark), join(folder, name));
  } catch (cause) {
    for (const name of names) await rm(join(folder, name + mark), { force: true }).catch(() => {});
    throw new AthanorError("ERR_TOKENIZER", `tokenizer: ${folder} must be a folder that can be written`, {
      cause,
    });
  }
}
