// Opens a data file and hands out its text piece by piece: gzip is recognised by its first two bytes
// (names lie), UTF-8 is checked, a byte order mark is dropped. Everything that can be wrong with the file
// itself, as opposed to a row in it, is reported here as ERR_DATA.

import { isUtf8 } from "node:buffer";
import { constants, type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { AthanorError } from "../errors.js";

/** Where a file lies: a path, or a `file:` URL. */
export type FileLike = string | URL;

// Small enough that parsing one piece stays under about 2 ms, even with very short rows.
const PIECE_BYTES = 8 * 1024;
// Each reading waits for another thread, which costs more than parsing a piece.
const READ_BYTES = 64 * 1024;
const NEWLINE = 10;
// Opening a named pipe would otherwise wait for its writer, for ever. Windows has no such flag.
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** The path that messages name. */
export function pathOf(file: FileLike): string {
  if (typeof file === "string" && file !== "") return file;
  try {
    if (typeof file === "object") return fileURLToPath(file);
  } catch (cause) {
    throw new AthanorError("ERR_ARGUMENT", `data: file must be a path or a file: URL, got ${file}`, {
      cause,
    });
  }
  throw new AthanorError("ERR_ARGUMENT", `data: file must be a path or a file: URL, got ${shown(file)}`);
}

/** How a value appears in a message: as JSON, or JavaScript where JSON has no word, cut at 60 characters. */
export function shown(value: unknown): string {
  const plain = typeof value === "number" || typeof value === "bigint";
  const text = (plain ? undefined : JSON.stringify(value)) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * The text of a file, in pieces of at most a few ten thousand characters. Line ends stay as they are.
 *
 * Throws ERR_DATA when the file is missing, is a folder, cannot be read, is a damaged gzip, or is not UTF-8.
 *
 * @example for await (const piece of readText("reviews.csv.gz")) length += piece.length;
 */
export async function* readText(file: FileLike): AsyncGenerator<string, void, undefined> {
  const path = pathOf(file);
  const handle = await openFile(path);
  try {
    const decoder = new Utf8Pieces(path);
    for await (const bytes of readBytes(path, handle)) {
      const text = decoder.next(bytes);
      if (text !== "") yield text;
    }
    decoder.end();
  } finally {
    await handle.close();
  }
}

/** Opens a file for reading. Rejects with ERR_DATA when there is none, or it is not a plain file. */
export async function openFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, READ_ONLY);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "got no such file" : `got ${code ?? cause}`;
    throw new AthanorError("ERR_DATA", `${path}: needs a readable file, ${came}`, { cause });
  }
  const stat = await handle.stat();
  if (stat.isFile()) return handle;
  await handle.close();
  const came = stat.isDirectory() ? "a directory" : "a pipe or a device";
  throw new AthanorError("ERR_DATA", `${path}: needs a file, got ${came}`);
}

/** Whether a file begins as gzip files do. */
export async function isGzip(handle: FileHandle): Promise<boolean> {
  const first = Buffer.alloc(2);
  const { bytesRead } = await handle.read(first, 0, 2, 0);
  return bytesRead === 2 && first[0] === 0x1f && first[1] === 0x8b;
}

async function* readBytes(path: string, handle: FileHandle): AsyncGenerator<Uint8Array, void, undefined> {
  const gzipped = await isGzip(handle);
  const raw = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: READ_BYTES });
  // The callback of pipeline has nothing to do: the loop below meets the same error.
  const stream = gzipped ? pipeline(raw, createGunzip({ chunkSize: READ_BYTES }), () => {}) : raw;
  try {
    for await (const bytes of stream as AsyncIterable<Uint8Array>) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    }
  } catch (cause) {
    const what = gzipped ? "needs a whole gzip file" : "needs a readable file";
    throw new AthanorError("ERR_DATA", `${path}: ${what}, got "${(cause as Error).message}"`, { cause });
  }
}

/** Decodes pieces of UTF-8 whose borders may lie inside a character, and knows the line of a fault. */
class Utf8Pieces {
  readonly #path: string;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #line = 1;
  #start = true;

  constructor(path: string) {
    this.#path = path;
  }

  next(bytes: Uint8Array): string {
    const start = this.#start;
    this.#start = false;
    try {
      const text = this.#decoder.decode(bytes, { stream: true });
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) this.#line++;
      return text;
    } catch (cause) {
      const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
      const came = start && wide ? "UTF-16" : "other bytes";
      throw this.#fault(this.#line + linesBeforeFault(bytes), came, cause);
    }
  }

  end(): void {
    try {
      this.#decoder.decode();
    } catch (cause) {
      throw this.#fault(this.#line, "a character cut off by the end of the file", cause);
    }
  }

  #fault(line: number, came: string, cause: unknown): AthanorError {
    return new AthanorError("ERR_DATA", `${this.#path} line ${line}: needs UTF-8 text, got ${came}`, {
      cause,
    });
  }
}

/** How many whole lines of a piece come before its first line that is not UTF-8. */
function linesBeforeFault(bytes: Uint8Array): number {
  // The rest of a character that began in the piece before is not this line's fault.
  let from = 0;
  while (from < 3 && (bytes[from] & 0xc0) === 0x80) from++;
  for (let lines = 0; from < bytes.length; lines++) {
    const newline = bytes.indexOf(NEWLINE, from);
    const end = newline === -1 ? bytes.length : newline;
    if (newline !== -1 && !isUtf8(bytes.subarray(from, end))) return lines;
    if (newline === -1) return isUtf8(bytes.subarray(from)) ? 0 : lines;
    from = end + 1;
  }
  return 0;
}
